import { existsSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import type { Session } from "../system.ts";
import { expectedChecksum } from "../tasks.ts";
import { checkValues, type Workload, WrongResult } from "../workload.ts";

const HOLD_DEADLINE_MS = 20_000;

export const value64mib: Workload = {
  title: "a result of 64 MiB, made by one worker and read by the other",
  size: 64 * 1024 * 1024,
  quickSize: 64 * 1024 * 1024,
  metrics: { time: { unit: "ms", better: "lower" } },
  measure: (system, size) =>
    system.use({ binary: true }, async (session) => {
      await relay(session, size); // warm-up: memory of this size was asked for once
      return { time: await relay(session, size) };
    }),
};

/**
 * A system that places a task where its input is would read it on the worker that made it. So the other
 * worker is kept busy while the value is made, and then the maker while it is read; the hand-over is timed too.
 */
async function relay(session: Session, size: number): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), "muster-bench-"));
  try {
    const other = await occupyOne(session, join(directory, "other"));
    const start = performance.now();
    const made = session.submit("makeBytes", size);
    const maker = await occupyOne(session, join(directory, "maker"));
    const otherId = await other.release();
    const sum = await session.submitAfter("checksum", made);
    const ms = performance.now() - start;
    const makerId = await maker.release();
    if (makerId === otherId) throw new WrongResult("the value was read by the worker that made it");
    checkValues([sum], [expectedChecksum(size)]);
    return ms;
  } finally {
    await rm(directory, { recursive: true, force: true });
  }
}

/** Comes back when a worker runs nothing but the hold. */
async function occupyOne(session: Session, path: string): Promise<{ release(): PromiseLike<string> }> {
  const held = session.submit("hold", path);
  const deadline = performance.now() + HOLD_DEADLINE_MS;
  while (!existsSync(`${path}.started`)) {
    if (performance.now() > deadline)
      throw new Error(`no worker started the task "hold" within ${HOLD_DEADLINE_MS} ms`);
    await sleep(1);
  }
  const release = async () => {
    await writeFile(`${path}.release`, "");
    return await held;
  };
  return { release };
}
