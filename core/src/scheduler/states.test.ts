import { expect, test } from "vitest";
import type { StateName } from "../contracts/event.ts";
import { checkTransition, isFinal, TRANSITIONS } from "./states.ts";

const STATES = Object.keys(TRANSITIONS) as StateName[];

test("a task run ends in one of five states, and stays there", () => {
  expect(STATES.filter(isFinal)).toEqual(["Success", "Failed", "Crashed", "Cancelled", "UpstreamFailed"]);
  for (const final of STATES.filter(isFinal)) {
    for (const state of STATES) expect(() => checkTransition(final, state)).toThrow(final);
  }
});

test("every state can be reached from the start, and from each one the end can be", () => {
  const reach = (from: StateName, seen = new Set<StateName>()): Set<StateName> => {
    seen.add(from);
    for (const next of TRANSITIONS[from]) if (!seen.has(next)) reach(next, seen);
    return seen;
  };
  expect(reach("Pending").size).toBe(STATES.length);
  for (const state of STATES) expect([...reach(state)].some(isFinal)).toBe(true);
});

test("nothing goes back to the start, and what has run does not turn out to have been skipped", () => {
  for (const state of STATES) expect(TRANSITIONS[state]).not.toContain("Pending");
  for (const state of ["Running", "Retrying"] as const) {
    expect(() => checkTransition(state, "UpstreamFailed")).toThrow(
      expect.objectContaining({ code: "INTERNAL", message: expect.stringContaining(state) }),
    );
  }
});
