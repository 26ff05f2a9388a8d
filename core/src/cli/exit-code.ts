import type { StateName } from "../contracts/event.ts";

/** What the process says to whoever started it. 130 is what a shell gives for Ctrl-C. */
export const EXIT_CODE = { success: 0, failed: 1, usage: 2, cancelled: 130 } as const;

export function exitCodeOf(state: StateName): number {
  if (state === "Success") return EXIT_CODE.success;
  if (state === "Cancelled") return EXIT_CODE.cancelled;
  return EXIT_CODE.failed;
}
