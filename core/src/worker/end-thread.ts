import type { Worker } from "node:worker_threads";
import type { Clock } from "../base/clock.ts";
import { endDescendants, type Mark } from "../base/descendants.ts";
import { withDeadline } from "../base/wait.ts";

/** After so long a thread that does not end is taken to wait for a program, as `execSync` does, in milliseconds. */
const PROGRAMS_MS = 250;
/** After so long more it is in a call that nothing interrupts, in milliseconds. */
const STUCK_MS = 750;

/**
 * Ends a thread, whatever it does; the programs that it may be waiting for as well. Resolves with `false` when it is in a
 * call of native code that does not return: then nothing ends it but the end of its process.
 * @param mark what the programs that it started inherited
 */
export async function endThread(
  thread: Worker,
  { mark, clock }: { readonly mark: Mark; readonly clock: Clock },
): Promise<boolean> {
  const ended = thread.terminate();
  const hasEndedWithin = (timeoutMs: number): Promise<boolean> =>
    withDeadline(ended, "The end of a thread", { timeoutMs, clock }).then(
      () => true,
      () => false,
    );
  if (await hasEndedWithin(PROGRAMS_MS)) return true;
  endDescendants({ mark });
  if (await hasEndedWithin(STUCK_MS)) return true;
  thread.unref();
  return false;
}
