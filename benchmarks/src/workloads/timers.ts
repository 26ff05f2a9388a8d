import { timed, type Workload, WrongResult } from "../workload.ts";

const WAIT_MS = 20;
/** A timer may fire this much early: its clock counts whole milliseconds. */
const EARLY_MS = 2;
/** Tasks a worker may have at a time: all 2,000 would then take 20 ms and what the system adds. */
const CONCURRENCY = 1_000;

export const timers: Workload = {
  title: "tasks that wait 20 ms, as many at a time as the system allows (up to 1,000 a worker)",
  size: 2_000,
  quickSize: 500,
  metrics: { time: { unit: "ms", better: "lower" } },
  measure: (system, size) =>
    system.use({ concurrency: CONCURRENCY }, async (session) => {
      const waits = new Array<number>(size).fill(WAIT_MS);
      await session.map("timer", waits.slice(0, size / 5));
      const { value, ms } = await timed(() => session.map("timer", waits));
      if (value.length !== size || value.some((waited) => !(waited >= WAIT_MS - EARLY_MS))) {
        throw new WrongResult(`not all of ${size} tasks waited ${WAIT_MS} ms`);
      }
      return { time: ms };
    }),
};
