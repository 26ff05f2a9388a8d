import type { AddressInfo } from "node:net";
import { createServer, type Socket } from "node:net";
import Docker from "dockerode";
import { expect, test } from "vitest";
import { askEngine } from "./ask-engine.ts";
import { engineEvents } from "./engine-events.ts";
import { placeWorkers } from "./hub-address.ts";
import { provideImage } from "./image.ts";
import { DockerLeases } from "./leases.ts";
import { WorkerContainer } from "./worker-container.ts";

const HEADERS = "HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nTransfer-Encoding: chunked\r\n\r\n";

/** What an engine does with a connection: every way of never answering. */
const MANNERS = {
  "says nothing": () => {},
  "stops in the middle of an answer": (socket: Socket) => void socket.write(`${HEADERS}5\r\n[{"Id\r\n`),
  trickles: (socket: Socket) => {
    socket.write(HEADERS);
    const trickle = setInterval(() => socket.write("1\r\n \r\n"), 5);
    socket.on("close", () => clearInterval(trickle));
  },
} as const;

/** An engine that never answers, and knows who still waits for it. */
class SilentEngine implements AsyncDisposable {
  readonly #server;
  readonly #sockets = new Set<Socket>();
  readonly #closed = new Set<() => void>();

  private constructor(manner: (socket: Socket) => void) {
    this.#server = createServer((socket) => {
      this.#sockets.add(socket);
      socket.on("error", () => {});
      socket.on("close", () => {
        this.#sockets.delete(socket);
        for (const tell of this.#closed) tell();
      });
      socket.once("data", () => manner(socket));
    });
  }

  static async start(manner: (socket: Socket) => void): Promise<SilentEngine> {
    const engine = new SilentEngine(manner);
    await new Promise<void>((resolve) => engine.#server.listen(0, "127.0.0.1", resolve));
    return engine;
  }

  get connection(): { host: string; port: number; protocol: "http" } {
    return { host: "127.0.0.1", port: (this.#server.address() as AddressInfo).port, protocol: "http" };
  }

  get docker(): Docker {
    return new Docker(this.connection);
  }

  /** Resolves when nobody waits for it any more. */
  async left(): Promise<void> {
    while (this.#sockets.size > 0) await new Promise<void>((resolve) => this.#closed.add(resolve));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

const timeoutMs = 100;
const never = new AbortController().signal;
const image = (docker: Docker) => ({
  image: "node:24",
  registryAuth: { username: "a", password: "b" },
  address: "here",
  log: () => {},
  docker,
});

/** Everything that is asked of an engine, and how it is told of. */
const QUESTIONS: Record<
  string,
  (docker: Docker, engine: SilentEngine, signal: AbortSignal) => Promise<unknown>
> = {
  "list its containers": (_, engine) =>
    new DockerLeases(engine.connection, { engineTimeoutMs: timeoutMs }).list(),
  "remove the container abc": (_, engine) =>
    // Three times the usual time.
    new DockerLeases(engine.connection, { engineTimeoutMs: timeoutMs / 3 }).remove({ id: "abc" } as never),
  'show its network "bridge"': (docker, _, signal) =>
    placeWorkers(docker, {
      network: undefined,
      driverHost: undefined,
      address: "",
      patience: { timeoutMs, signal },
    }),
  'show its image "node:24"': (docker, _, signal) =>
    provideImage(docker, { ...image(docker), pull: "missing", signal, engineTimeoutMs: timeoutMs }),
  "attach to the container abc": (docker) =>
    new WorkerContainer("w-1", { engine: docker, containerId: "abc", timeoutMs: () => timeoutMs }).start(
      Buffer.from("x"),
    ),
  "mark the container abc": (docker) =>
    new WorkerContainer("w-1", {
      engine: docker,
      containerId: "abc",
      timeoutMs: () => timeoutMs,
    }).renewLease({ at: new Date(), count: 1 }),
};

for (const [how, manner] of Object.entries(MANNERS)) {
  test.each(Object.entries(QUESTIONS))(
    `an engine that ${how} when it is to %s is given up, and named`,
    async (what, ask) => {
      await using engine = await SilentEngine.start(manner);
      const { port } = engine.connection;
      const failed = await ask(engine.docker, engine, never).catch((error: Error) => error);
      // Attaching takes any headers for an answer.
      const asked = what.startsWith("attach") ? "(attach to|start) the container abc" : what;
      expect((failed as Error).message).toMatch(
        new RegExp(
          `^The Docker engine at http://127.0.0.1:${port} was asked to ${asked}, and has not answered for 0.1 s: .* set DOCKER_HOST`,
        ),
      );
    },
  );

  test(`a pull from an engine that ${how} ends when there was no progress for too long`, async () => {
    await using engine = await SilentEngine.start(manner);
    const options = {
      ...image(engine.docker),
      pull: "always" as const,
      signal: never,
      pullIdleTimeoutMs: timeoutMs,
    };
    await expect(provideImage(engine.docker, options)).rejects.toThrow(
      /was asked to (go on with pulling|pull) "node:24", and has not answered for 0.1 s/,
    );
    await engine.left();
  });

  test(`whoever is told to stop does not wait for an engine that ${how}`, async () => {
    await using engine = await SilentEngine.start(manner);
    const stop = new AbortController();
    const { docker } = engine;
    const asking = askEngine(docker, "tell its time", (asked) => asked.info(), { signal: stop.signal });
    const pulling = provideImage(docker, { ...image(docker), pull: "always", signal: stop.signal });
    stop.abort(new Error("enough"));
    await expect(asking).rejects.toMatchObject({ code: "CANCELLED" });
    await expect(pulling).rejects.toThrow();
    await engine.left();
  });
}

test("the same step told again and again is no progress of a pull", async () => {
  const step = `${JSON.stringify({ id: "a", status: "Waiting" })}\n`;
  await using engine = await SilentEngine.start((socket) => {
    socket.write(HEADERS);
    const again = setInterval(() => socket.write(`${step.length.toString(16)}\r\n${step}\r\n`), 5);
    socket.on("close", () => clearInterval(again));
  });
  const options = {
    ...image(engine.docker),
    pull: "always" as const,
    signal: never,
    pullIdleTimeoutMs: timeoutMs,
  };
  await expect(provideImage(engine.docker, options)).rejects.toThrow('asked to go on with pulling "node:24"');
});

test("events that never begin are asked for again, until the engine is given up or nobody listens", async () => {
  await using engine = await SilentEngine.start(MANNERS["says nothing"]);
  const stop = new AbortController();
  const heard = Array.fromAsync(
    engineEvents(engine.docker, { label: "a", since: 0, signal: stop.signal, timeoutMs: 20 }),
  );
  await engine.left();
  stop.abort();
  expect(await heard).toEqual([]);
});
