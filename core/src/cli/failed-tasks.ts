import type { FailedTask } from "../flow/index.ts";

/** Task runs of one name that failed with one message. */
export interface FailureKind {
  readonly name: string;
  readonly state: "Failed" | "Crashed";
  readonly count: number;
  /** The first one's. */
  readonly error: Error;
}

/** Failures of which a thousand are the same, as what is worth reading: each kind once, in the order they came. */
export function kindsOfFailure(failed: readonly FailedTask[]): FailureKind[] {
  const kinds = new Map<string, FailureKind>();
  for (const { name, state } of failed) {
    // What was cancelled or never ran did not go wrong by itself.
    if (state.name !== "Failed" && state.name !== "Crashed") continue;
    const key = `${name}\n${state.message}`;
    const { count, error } = kinds.get(key) ?? { count: 0, error: state.error ?? new Error(state.message) };
    kinds.set(key, { name, state: state.name, count: count + 1, error });
  }
  return [...kinds.values()];
}
