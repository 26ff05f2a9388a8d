import { parentPort, workerData } from "node:worker_threads";
import { connectNats } from "../../wire/nats/connect-nats.ts";
import { resolveNatsOptions } from "../../wire/nats/nats-options.ts";
import { PULSE_MS, pulseSubject } from "../../wire/nats/subjects.ts";
import type { PulseData } from "./nats-pulse-thread.ts";

/** The thread of a driver that has nothing to do but to say that its process lives. */
async function main({ address, env, runId }: PulseData): Promise<void> {
  const target = resolveNatsOptions({ servers: address }, { env });
  const connection = await connectNats(target, { name: `muster pulse of ${runId}` });
  const beat = (): void => {
    if (!connection.isClosed()) connection.publish(pulseSubject(runId));
  };
  setInterval(beat, PULSE_MS);
  beat();
  parentPort!.postMessage("beats");
}

await main(workerData as PulseData);
