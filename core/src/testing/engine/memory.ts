import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { describe, expect, test } from "vitest";
import { until } from "../until.ts";
import type { EngineKit } from "./engine-kit.ts";
import type { EngineRun } from "./engine-run.ts";

const LARGE_BYTES = 8 * 2 ** 20;

/** Until it keeps about as much as it did, however often garbage must be collected for that. */
async function untilKeeps(run: EngineRun, bytes: number): Promise<void> {
  setFlagsFromString("--expose-gc");
  const collect = runInNewContext("gc") as () => void;
  await until(async () => {
    collect();
    await new Promise(setImmediate);
    return (await run.keptBytes()) < bytes + LARGE_BYTES / 8;
  }, 20);
}

/** The memory of large values, wherever it is. */
export function describeMemory(kit: EngineKit): void {
  describe("memory", () => {
    const shared = kit.shared();

    test("what is released goes at once", async () => {
      const run = shared();
      const before = await run.keptBytes();
      const kept = run.engine.keep(new Uint8Array(LARGE_BYTES), "a value");
      const made = run.begin("bytes", [LARGE_BYTES, 1]);
      await run.succeeded(made);
      expect((await run.keptBytes()) - before).toBeGreaterThanOrEqual(2 * LARGE_BYTES);
      run.engine.release(kept);
      run.engine.release(made.value);
      run.engine.release(made.value);
      run.engine.release(await run.value(run.begin("sum", [[1]])));
      await until(async () => (await run.keptBytes()) < before + LARGE_BYTES / 8, 10);
    });

    test("what nobody can reach any more goes with the garbage: results, arguments, and what was shared", async () => {
      const run = shared();
      const before = await run.keptBytes();
      const make = async (): Promise<void> => {
        const kept = run.engine.keep(new Uint8Array(LARGE_BYTES), "a value");
        const once = run.engine.share(new Uint8Array(LARGE_BYTES), "length", () => undefined);
        const made = run.begin("bytes", [LARGE_BYTES, 1]);
        const took = run.begin("length", [new Uint8Array(LARGE_BYTES)]);
        const tookOnce = run.begin("length", [once]);
        await run.succeeded(made, took, tookOnce);
        expect((await run.keptBytes()) - before).toBeGreaterThanOrEqual(4 * LARGE_BYTES);
        // Until here it could be reached.
        expect(kept).toBeDefined();
      };
      await make();
      run.recorder.forgetAll();
      await untilKeeps(run, before);
    });

    test("what a waiting task was given stays, though nobody else has it", async () => {
      const run = shared();
      const gate = run.files.gate();
      run.begin("hold", [gate]);
      const before = await run.keptBytes();
      const make = async () => {
        const made = run.engine.keep(new Uint8Array(LARGE_BYTES).fill(1), "a value");
        const once = run.engine.share(new Uint8Array(LARGE_BYTES).fill(2), "hash", () => undefined);
        const many = Array.from({ length: 100 }, () => "x".repeat(1000));
        return [
          run.begin("length", [run.engine.gather([made, made])]),
          run.begin("length", [once]),
          run.begin("length", [new Uint8Array(LARGE_BYTES)]),
          run.begin("echo", many),
        ];
      };
      const tasks = await make();
      await untilKeeps(run, before + 2 * LARGE_BYTES);
      run.files.open(gate);
      await run.succeeded(...tasks);
    });
  });
}
