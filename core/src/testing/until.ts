import { setTimeout as delay } from "node:timers/promises";

/** Looks again and again until it holds, for what gives no event; the test's deadline ends it. */
export async function until(condition: () => boolean | Promise<boolean>, everyMs = 50): Promise<void> {
  while (!(await condition())) await delay(everyMs);
}
