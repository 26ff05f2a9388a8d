import type { FailedTask } from "../flow/index.ts";

/** Task runs of one name that failed with one message. */
export interface FailureKind {
  readonly name: string;
  readonly count: number;
  /** The first one's. */
  readonly error: Error;
}

/** Failures of which a thousand are the same, as what is worth reading: each kind once, in the order they came. */
export function kindsOfFailure(failed: readonly FailedTask[]): FailureKind[] {
  const kinds = new Map<string, { name: string; count: number; error: Error }>();
  for (const { name, state } of failed) {
    // What was cancelled or never ran did not go wrong by itself.
    if (state.name !== "Failed" && state.name !== "Crashed") continue;
    const key = `${name}\n${state.message}`;
    const kind = kinds.get(key);
    if (kind !== undefined) kind.count++;
    else kinds.set(key, { name, count: 1, error: state.error ?? new Error(state.message) });
  }
  return [...kinds.values()];
}
