import fc from "fast-check";
import { expect, test } from "vitest";
import { nextState, WORKER_TRANSITIONS, type WorkerSignal, type WorkerState } from "./worker-state.ts";

const states = Object.keys(WORKER_TRANSITIONS) as WorkerState[];
const signals: WorkerSignal[] = ["started", "joined", "retired", "stopped", "ended"];

test("a life only goes forward, whatever comes in whatever order", () => {
  fc.assert(
    fc.property(fc.array(fc.constantFrom(...signals)), (heard) => {
      let state: WorkerState = "launching";
      for (const signal of heard) {
        const next = nextState(state, signal);
        expect(states.indexOf(next)).toBeGreaterThanOrEqual(states.indexOf(state));
        state = next;
      }
      if (heard.includes("ended")) expect(state).toBe("gone");
    }),
  );
});

test("a worker that is not wanted never takes tasks again", () => {
  for (const state of ["draining", "stopping", "gone"] as const) {
    for (const signal of signals)
      expect(["draining", "stopping", "gone"]).toContain(nextState(state, signal));
  }
});

test("news that comes twice changes nothing", () => {
  for (const state of states) {
    for (const signal of signals) {
      const once = nextState(state, signal);
      expect(nextState(once, signal)).toBe(once);
    }
  }
});
