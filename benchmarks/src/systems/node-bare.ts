import { type ChildProcess, spawn } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createInterface } from "node:readline";
import {
  type Input,
  type Output,
  type Session,
  type SessionSystem,
  type TaskName,
  WORKERS,
} from "../system.ts";
import { notMissing, workerFile } from "./pool-session.ts";

/** What a worker is told to run: one list for all of its inputs, answered at once. Values are JSON, large ones files. */
export interface BareRequest {
  readonly name: TaskName;
  readonly inputs: readonly unknown[];
}

const FLOOR = "it shows what the machine takes, and has nothing that this would measure";

/**
 * The floor: two bare processes that run what they are told, a line each way over a socket file. No batches, states,
 * retries, cancellation or loss of a worker: what every system of processes pays for on this machine, and nothing else.
 */
export const nodeBare: SessionSystem = {
  kind: "session",
  missing: notMissing,
  leavesOut: {
    noop: FLOOR,
    submit: FLOOR,
    tree: FLOOR,
    stencil: FLOOR,
    boot: FLOOR,
    timers: FLOOR,
    "values-1mib": FLOOR,
  },
  use: async (_options, body) => {
    const directory = await mkdtemp(join(existsSync("/dev/shm") ? "/dev/shm" : tmpdir(), "muster-bench-"));
    const path = join(directory, "socket");
    const children: ChildProcess[] = [];
    const server = createServer();
    try {
      await new Promise<void>((resolve) => server.listen(path, resolve));
      const sockets = new Promise<Socket[]>((resolve) => {
        const connected: Socket[] = [];
        server.on("connection", (socket) => {
          if (connected.push(socket) === WORKERS) resolve(connected);
        });
      });
      for (let worker = 0; worker < WORKERS; worker++)
        children.push(spawn(process.execPath, [workerFile("node-bare-worker"), path], { stdio: "ignore" }));
      return await body(bareSession((await sockets).map((socket) => new BareWorker(socket))));
    } finally {
      for (const child of children) child.kill();
      server.close();
      await rm(directory, { recursive: true, force: true });
    }
  },
};

/** One process at the other end of a socket; it runs one request at a time. */
class BareWorker {
  readonly #socket: Socket;
  #answered: (outputs: unknown[]) => void = () => {};

  constructor(socket: Socket) {
    this.#socket = socket;
    createInterface(socket).on("line", (line) => this.#answered(JSON.parse(line)));
  }

  run(request: BareRequest): Promise<unknown[]> {
    return new Promise((resolve) => {
      this.#answered = resolve;
      this.#socket.write(`${JSON.stringify(request)}\n`);
    });
  }
}

function bareSession(workers: readonly BareWorker[]): Session {
  const idle = [...workers];
  const waiting: ((worker: BareWorker) => void)[] = [];
  const run = async (request: BareRequest): Promise<unknown[]> => {
    const worker = idle.shift() ?? (await new Promise<BareWorker>((resolve) => waiting.push(resolve)));
    const outputs = await worker.run(request);
    const next = waiting.shift();
    if (next === undefined) idle.unshift(worker);
    else next(worker);
    return outputs;
  };
  const runOne = async (name: TaskName, input: unknown) => (await run({ name, inputs: [input] }))[0];
  return {
    submit: <N extends TaskName>(name: N, input: Input<N>) => runOne(name, input) as Promise<Output<N>>,
    map: async <N extends TaskName>(name: N, inputs: readonly Input<N>[]) => {
      const share = Math.ceil(inputs.length / workers.length);
      const parts = workers.map((_, index) =>
        run({ name, inputs: inputs.slice(index * share, (index + 1) * share) }),
      );
      return (await Promise.all(parts)).flat() as Output<N>[];
    },
    submitAfter: <N extends TaskName>(name: N, input: unknown) =>
      Promise.resolve(input).then((ready) => runOne(name, ready)) as Promise<Output<N>>,
  };
}
