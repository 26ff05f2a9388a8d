import { mkdtempSync, rmSync } from "node:fs";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { TemporaryClusterExecutor, type TemporaryClusterOptions } from "@muster/core";
import { Child, type ChildOptions } from "./child.ts";

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
  readonly #directory: string;
  #server: Child;
  readonly address: string;
  readonly #monitor: string;

  readonly #args: readonly string[];

  private constructor(
    directory: string,
    server: Child,
    args: readonly string[],
    ports: { client: string; monitor: string },
  ) {
    this.#directory = directory;
    this.#server = server;
    this.#args = args;
    this.address = `nats://127.0.0.1:${ports.client}`;
    this.#monitor = `http://127.0.0.1:${ports.monitor}`;
  }

  static async start(...args: string[]): Promise<PoolServer> {
    const directory = mkdtempSync(join(tmpdir(), "muster-e2e-nats-"));
    const fixed = ["-js", "-sd", directory, "-a", "127.0.0.1", ...args];
    const server = new Child([...fixed, "-p", "-1", "-m", "-1"], { program: serverProgram() });
    const [, monitor] = await server.printed(/http monitor on 127\.0\.0\.1:(\d+)/);
    const [, client] = await server.printed(/client connections on 127\.0\.0\.1:(\d+)/);
    await server.printed(/Server is ready/);
    return new PoolServer(directory, server, [...fixed, "-p", client!, "-m", monitor!], {
      client: client!,
      monitor: monitor!,
    });
  }

  /** Kills it, and starts it again with what it had stored. */
  async restart(): Promise<void> {
    this.#server.kill("SIGKILL");
    await this.#server.ended;
    this.#server = new Child(this.#args, { program: serverProgram() });
    await this.#server.printed(/Server is ready/);
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

  /** In the words of NATS itself. */
  async #ask(subject: string, message: unknown): Promise<void> {
    const socket = connect(Number(new URL(this.address).port), "127.0.0.1");
    const body = JSON.stringify(message);
    socket.write(
      `CONNECT {"verbose":false}\r\nSUB answer 1\r\nPUB ${subject} answer ${Buffer.byteLength(body)}\r\n${body}\r\n`,
    );
    let answer = "";
    for await (const bytes of socket) {
      answer += String(bytes);
      if (/^MSG answer [\s\S]*}\r\n/m.test(answer)) break;
    }
    if (answer.includes('"error"')) throw new Error(answer);
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

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#server[Symbol.asyncDispose]();
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

function serverProgram(): string {
  const program = process.env["NATS_SERVER_BIN"];
  if (program === undefined) throw new Error("NATS_SERVER_BIN does not say where nats-server is.");
  return program;
}
