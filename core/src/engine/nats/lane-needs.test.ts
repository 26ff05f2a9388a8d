import fc from "fast-check";
import { expect, test } from "vitest";
import { lanesOfUse, MAX_LANES } from "./lane-needs.ts";

const use = (tasks: Record<string, number>, lanes: Record<string, number> = {}) =>
  Object.fromEntries(lanesOfUse(new Map(Object.entries(tasks)), new Map(Object.entries(lanes))));

test("each task that could run is a lane of use, whether or not there is one already", () => {
  expect(use({ any: 3 })).toEqual({ any: 3 });
  expect(use({ any: 3 }, { any: 2 })).toEqual({ any: 3 });
  expect(use({ any: 0, "GPU=1": 2 }, { any: 1 })).toEqual({ any: 0, "GPU=1": 2 });
  expect(use({ any: 100_000 })).toEqual({ any: MAX_LANES });
});

test("lanes with resources that no task needs now are of use for those that need none", () => {
  expect(use({ any: 3, "GPU=1": 1 }, { "GPU=1": 3 })).toEqual({ any: 1, "GPU=1": 1 });
});

test("with as many lanes as are of use, no task that could run waits", () => {
  const counts = fc.dictionary(fc.constantFrom("any", "GPU=1", "CPU=2"), fc.nat(50), {
    noNullPrototype: true,
  });
  fc.assert(
    fc.property(counts, counts, (tasks, lanes) => {
      const wanted = use(tasks, lanes);
      const had = (token: string): number => Math.max(lanes[token] ?? 0, wanted[token] ?? 0);
      let toSpare = 0;
      for (const token of ["GPU=1", "CPU=2"]) {
        expect(had(token)).toBeGreaterThanOrEqual(tasks[token] ?? 0);
        toSpare += had(token) - (tasks[token] ?? 0);
      }
      expect(had("any") + toSpare).toBeGreaterThanOrEqual(tasks["any"] ?? 0);
    }),
  );
});
