import { MusterError } from "../base/errors.ts";
import type { StateName } from "../contracts/event.ts";

/** Where a task run may go from each state. What leads nowhere is final. */
export const TRANSITIONS: Readonly<Record<StateName, readonly StateName[]>> = {
  Pending: ["Running", "Success", "Failed", "Crashed", "Retrying", "Cancelled", "UpstreamFailed"],
  Running: ["Success", "Failed", "Crashed", "Retrying", "Cancelled"],
  Retrying: ["Running", "Success", "Failed", "Crashed", "Retrying", "Cancelled"],
  Success: [],
  Failed: [],
  Crashed: [],
  Cancelled: [],
  UpstreamFailed: [],
};

export function isFinal(state: StateName): boolean {
  return TRANSITIONS[state].length === 0;
}

/** @throws MusterError `INTERNAL` for a way that the table does not have */
export function checkTransition(from: StateName, to: StateName): void {
  if (!TRANSITIONS[from].includes(to)) {
    throw new MusterError("INTERNAL", `A task run cannot go from ${from} to ${to}.`);
  }
}
