import { appendFileSync, writeFileSync } from "node:fs";
import { inspect } from "node:util";
import { serialize } from "node:v8";
import type { MusterEvent, State } from "@muster/core";

// Copied into the user's project of a situation, with these paths filled in.
const OUTCOME = "@OUTCOME@";
const EVENTS = "@EVENTS@";

/** Makes this the final state that the test looks at. */
export function ended(state: State): void {
  const { name, message, result, error } = state;
  const facts = { state: name, message, ...(error !== undefined && { error: factsOf(error) }) };
  writeFileSync(OUTCOME, serializeOrSay(facts, result));
}

/** For `onEvent`: what `scene.event` waits for. */
export function heard(event: MusterEvent): void {
  appendFileSync(EVENTS, `${JSON.stringify(event)}\n`);
}

function serializeOrSay(facts: object, result: unknown): Buffer {
  try {
    return serialize({ ...facts, result });
  } catch {
    return serialize({ ...facts, result: inspect(result) });
  }
}

function factsOf(error: unknown, depth = 0): unknown {
  if (!(error instanceof Error)) return inspect(error);
  const { name, message, cause } = error;
  const { code } = error as { code?: unknown };
  return {
    name,
    message,
    ...(typeof code === "string" && { code }),
    // It may be its own.
    ...(cause !== undefined && depth < 5 && { cause: factsOf(cause, depth + 1) }),
  };
}
