import { TemporaryClusterExecutor, type TemporaryClusterOptions } from "@muster/core";
import { Child, type ChildOptions } from "./child.ts";
import { freePort, NatsServer } from "./nats.ts";

/** As `muster pool status --json` shows it. */
export interface PoolStatus {
  readonly pool: string;
  readonly workers: readonly {
    readonly id: string;
    readonly pid: number;
    readonly protocol: number;
    readonly resources: Readonly<Record<string, number>>;
    readonly lanes: readonly { readonly runId?: string; readonly flowName?: string }[];
    readonly isLeaving: boolean;
  }[];
  readonly runs: readonly {
    readonly runId: string;
    readonly flowName: string;
    readonly class: string;
    readonly lanes: number;
    readonly needs: number;
  }[];
  readonly demand: readonly {
    readonly class: string;
    readonly stream: string;
    readonly consumer: string;
    readonly lag: number;
  }[];
}

/** A stream, as the monitoring endpoint of the server shows it. */
export interface StreamDetail {
  readonly name: string;
  readonly state: { readonly messages: number };
  readonly consumer_detail?: readonly {
    readonly name: string;
    readonly num_pending: number;
    readonly num_ack_pending: number;
  }[];
}

/** A server of NATS of a test, and what the test starts at it. */
export class PoolServer implements AsyncDisposable {
  readonly #server: NatsServer;
  readonly #monitor: string;

  private constructor(server: NatsServer, monitor: string) {
    this.#server = server;
    this.#monitor = monitor;
  }

  static async start(...args: string[]): Promise<PoolServer> {
    const monitor = String(await freePort());
    const server = await NatsServer.start("NATS_SERVER_BIN", { args: ["-m", monitor, ...args] });
    return new PoolServer(server, `http://127.0.0.1:${monitor}`);
  }

  get address(): string {
    return this.#server.address;
  }

  /** Kills it, and starts it again with what it had stored. */
  async restart(): Promise<void> {
    await this.#server.kill();
    await this.#server.restart();
  }

  /** `muster worker <address> --pool …`, once it is there. */
  async worker(args: readonly string[] = [], options: ChildOptions = {}): Promise<Child> {
    const worker = Child.muster(["worker", this.address, ...args], options);
    await worker.printed(/for the pool/);
    return worker;
  }

  /** Makes a stream before anybody else does, whose messages go sooner. */
  async makeStream(name: string, subjects: readonly string[], maxAgeMs: number): Promise<void> {
    const config = {
      name,
      subjects,
      retention: name.startsWith("KV_") ? "limits" : "workqueue",
      max_msgs_per_subject: 1,
      max_age: maxAgeMs * 1e6,
      storage: "file",
      discard: name.startsWith("KV_") ? "new" : "old",
      allow_rollup_hdrs: name.startsWith("KV_"),
      allow_direct: true,
      num_replicas: 1,
    };
    await this.#ask(`$JS.API.STREAM.CREATE.${name}`, config);
  }

  /** Has it look as if there were such a worker. */
  async pretendWorker(worker: PoolStatus["workers"][number] & { readonly pool: string }): Promise<void> {
    await this.makeStream("KV_muster-pools", ["$KV.muster-pools.>"], 60_000);
    await this.#ask(`$KV.muster-pools.${worker.pool}.${worker.id}`, worker);
  }

  async #ask(subject: string, body: object): Promise<void> {
    const answer = await this.#server.ask(subject, { body });
    if ("error" in answer) throw new Error(JSON.stringify(answer));
  }

  executor(options: TemporaryClusterOptions["clientKwargs"] = {}): TemporaryClusterExecutor {
    return new TemporaryClusterExecutor({ address: this.address, clientKwargs: options });
  }

  async status(pool = "default", options: ChildOptions = {}): Promise<PoolStatus> {
    await using child = Child.muster(["pool", "status", this.address, "--pool", pool, "--json"], options);
    const { stdout, stderr, exitCode } = await child.ended;
    if (exitCode !== 0) throw new Error(stderr);
    return (JSON.parse(stdout) as PoolStatus[])[0]!;
  }

  /** As the scaler of KEDA asks for them. */
  async streams(): Promise<readonly StreamDetail[]> {
    const answer = await fetch(`${this.#monitor}/jsz?acc=$G&consumers=true&config=true`);
    const { account_details: accounts } = (await answer.json()) as {
      account_details?: readonly { readonly stream_detail?: readonly StreamDetail[] }[];
    };
    return accounts?.[0]?.stream_detail ?? [];
  }

  /** What runs have left there: large values, leases, requests. */
  async leftovers(pool = "default"): Promise<string[]> {
    const streams = await this.streams();
    const filled = [`MUSTER_POOL_${pool}`, "KV_muster-runs"];
    return streams.flatMap(({ name, state: { messages } }) => {
      const isLeft = name.startsWith("OBJ_") || (filled.includes(name) && messages > 0);
      return isLeft ? [`${name}: ${messages}`] : [];
    });
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#server[Symbol.asyncDispose]();
  }
}
