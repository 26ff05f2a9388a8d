import { basename } from "node:path";
import { workerFile } from "@muster/core";

/** What every container carries. The engine cannot change them after its creation. */
export const LABEL = {
  run: "muster.run",
  flow: "muster.flow",
  worker: "muster.worker",
  /** One cluster object: its events and its containers are found by it. */
  cluster: "muster.cluster",
  /** For how many milliseconds a lease holds: see `lease.ts`. */
  leaseMs: "muster.lease-ms",
  /** Of an image: the hash of the worker file that it has. */
  workerHash: "muster.worker-sha256",
} as const;

/** The folder in a container that Muster's files are in. */
const FOLDER = "/muster";
export const SECRET_FILE = `${FOLDER}/secret.json`;
export const LEASE_FILE = `${FOLDER}/lease`;

/** Where the worker's file is. Its extension says what kind of module it is. */
export function workerPath(): string {
  return `${FOLDER}/${basename(workerFile())}`;
}
