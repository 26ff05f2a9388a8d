/** What every container carries. The engine cannot change them after its creation. */
export const LABEL = {
  run: "muster.run",
  flow: "muster.flow",
  worker: "muster.worker",
  /** What it is, if it is no worker: `nats`, `nats-keeper`. */
  part: "muster.part",
  /** One cluster object: its events and its containers are found by it. */
  cluster: "muster.cluster",
  /** For how many milliseconds a lease holds: see `leases.ts`. */
  leaseMs: "muster.lease-ms",
  /** The driver's process, as `processIdentity` names it. */
  driver: "muster.driver",
  /** Of an image: the hash of the worker file that it has. */
  workerHash: "muster.worker-sha256",
} as const;
