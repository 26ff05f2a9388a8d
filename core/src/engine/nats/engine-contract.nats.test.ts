import { jetstreamManager } from "@nats-io/jetstream";
import { afterAll, beforeAll, describe } from "vitest";
import { systemClock } from "../../base/clock.ts";
import { describeEngine } from "../../testing/describe-engine.ts";
import type { EngineOptions, OpenEngine } from "../../testing/engine/engine-factory.ts";
import { workerProcesses } from "../../testing/engine/worker-processes.ts";
import { connectNats } from "../../wire/nats/connect-nats.ts";
import { resolveNatsOptions } from "../../wire/nats/nats-options.ts";
import { TestServer } from "../../wire/nats/nats-server.test.kit.ts";
import { NatsEngine } from "./nats-engine.ts";

function open(servers: string, options: EngineOptions): OpenEngine {
  const { run, resources: possibleResources, heartbeatMs, workerTimeoutMs } = options;
  const engine = new NatsEngine({
    clock: systemClock,
    target: resolveNatsOptions({ servers }),
    run,
    possibleResources,
    heartbeatMs,
    workerTimeoutMs,
  });
  return { engine, link: engine, addWorker: workerProcesses(engine, options) };
}

/** The streams of the server that have to do with a run, and the bytes in each. */
async function streamsOf(servers: string, runId: string): Promise<Map<string, number>> {
  const connection = await connectNats(resolveNatsOptions({ servers }), { name: "test" });
  try {
    const found = new Map<string, number>();
    for await (const { config, state } of (await jetstreamManager(connection)).streams.list())
      if (config.name.includes(runId)) found.set(config.name, state.bytes);
    return found;
  } finally {
    await connection.close();
  }
}

describe.each(["current", "old"] as const)("with the %s version", (version) => {
  let server: TestServer;
  beforeAll(async () => {
    server = await TestServer.start({ version });
  });
  afterAll(() => server[Symbol.asyncDispose]());

  describeEngine(`NATS, ${version}`, {
    workers: "added",
    open: (options) => open(server.address, options),
    store: {
      bytes: async (runId) =>
        [...(await streamsOf(server.address, runId)).values()].reduce((sum, bytes) => sum + bytes, 0),
      leftovers: async (runId) => [...(await streamsOf(server.address, runId)).keys()],
    },
    broken: { open: (options) => open("nats://127.0.0.1:1", options), says: /127\.0\.0\.1:1/ },
  });
});
