/** What all subjects of a run begin with. */
export function runSubject(runId: string): string {
  return `muster.run.${runId}`;
}

/** Where a driver says, once every `PULSE_MS`, that its process lives. */
export function pulseSubject(runId: string): string {
  return `${runSubject(runId)}.pulse`;
}

/** Milliseconds. */
export const PULSE_MS = 1000;
