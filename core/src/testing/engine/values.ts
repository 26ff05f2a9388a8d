import { createHash } from "node:crypto";
import { isDeepStrictEqual } from "node:util";
import { describe, expect, test } from "vitest";
import { NotSerializableError } from "../../base/errors.ts";
import { INLINE_LIMIT_BYTES } from "../../wire/limits.ts";
import type { EngineKit } from "./engine-kit.ts";
import type { EngineRun } from "./engine-run.ts";
import { KeptArgument, type KitTask, ListOf, lookup } from "./kit-task.ts";

const MIB = 2 ** 20;

/** Values of all kinds that travel. */
function allKinds(): unknown[] {
  const cycle: Record<string, unknown> = { name: "cycle" };
  cycle["self"] = cycle;
  return [
    ...[
      0,
      -0,
      1.5,
      Number.NaN,
      Number.NEGATIVE_INFINITY,
      2 ** 60,
      10n ** 30n,
      "",
      "ä𝄞\ud800",
      true,
      null,
      undefined,
    ],
    [1, [undefined, "two"], { three: null }],
    new Map<unknown, unknown>([[{ key: 1 }, new Set(["a", 1])]]),
    new Date(1e12),
    /a(?<b>.)/giu,
    [new Uint8Array([1, 2]), new Float64Array([0.1]), new BigInt64Array([-1n]), Buffer.from("bytes")],
    Object.assign(new RangeError("an error"), { code: "E" }),
    cycle,
  ];
}

function hashOf(bytes: Uint8Array): string {
  return createHash("sha256").update(bytes).digest("hex");
}

export function describeValues(kit: EngineKit): void {
  describe("values", () => {
    const shared = kit.shared({ threadsPerWorker: 2 });

    test("arguments of all kinds arrive as they were, and so do results", async () => {
      const run = shared();
      const sent = allKinds();
      expect(await run.value(run.begin("echo", sent))).toEqual(sent);
      for (const value of sent) expect(await run.value(run.begin("echo", [value]))).toEqual([value]);
    });

    test("a task gets its arguments as they were when they were packed", async () => {
      const run = shared();
      const rows = [1, 2, 3];
      const bytes = new Uint8Array(MIB).fill(1);
      const task = run.task("echo", [rows, bytes]);
      rows.push(4);
      bytes.fill(2);
      run.submit(task);
      const [gotRows, gotBytes] = (await run.value(task)) as [number[], Uint8Array];
      expect(gotRows).toEqual([1, 2, 3]);
      expect(hashOf(gotBytes)).toBe(hashOf(new Uint8Array(MIB).fill(1)));
    });

    test("values just below and above what rides in a message travel there and back", async () => {
      const run = shared();
      const sizes = [0, 1, 1000, MIB, ...[-300, -1, 0, 1, 300].map((more) => INLINE_LIMIT_BYTES + more)];
      const bytes = sizes.map((size) => new Uint8Array(size).fill(size));
      const texts = sizes.map((size) => "ä".repeat(size / 2));
      const tasks = [...bytes, ...texts].map((value) => ({ value, task: run.begin("echo", [value]) }));
      for (const { value, task } of tasks) await expectSame(run.value(task), [value]);
    });

    test("64 MiB travel there and back", async () => {
      const run = shared();
      const bytes = new Uint8Array(64 * MIB).fill(5);
      expect(await run.value(run.begin("hash", [bytes]))).toBe(hashOf(bytes));
      const made = run.begin("bytes", [64 * MIB, 5]);
      expect((await run.report(made)).bytes).toBeGreaterThanOrEqual(64 * MIB);
      expect(hashOf((await run.value(made)) as Uint8Array)).toBe(hashOf(bytes));
    });

    test("a task gets the values of those it depends on, wherever they are in its arguments", async () => {
      const run = shared();
      const one = run.begin("sum", [[1]]);
      const large = run.begin("bytes", [MIB, 3]);
      await run.succeeded(one, large);
      const both = new ListOf([one, large]);
      const task = run.begin("echo", [one, { deep: [large, { deeper: one }] }, both, [[both]], "plain", one]);
      const bytes = new Uint8Array(MIB).fill(3);
      const expected = [1, { deep: [bytes, { deeper: 1 }] }, [1, bytes], [[[1, bytes]]], "plain", 1];
      await expectSame(run.value(task), expected);
      expect(task.dependencies).toEqual([one, large, one, one, large, one, large, one]);
    });

    test("thousands of values are one argument, and thousands of arguments are one task's", async () => {
      const run = shared();
      const fn = run.fn("sum", { expectedMs: 0.1 });
      const tasks = Array.from({ length: 5000 }, (_, n) => run.task(fn, [[n]]));
      run.submit(...tasks);
      await run.succeeded(...tasks);
      const sum = (5000 * 4999) / 2;
      expect(await run.value(run.begin("sum", [new ListOf(tasks)]))).toBe(sum);
      expect(await run.value(run.begin("echo", tasks))).toEqual(tasks.map((_, n) => n));
      const texts = tasks.map((_, n) => `${n}`.repeat(20));
      expect(await run.value(run.begin("echo", texts))).toEqual(texts);
    });

    test("what many tasks get is taken once for all of them", async () => {
      const run = shared();
      for (const value of [7, "text", { rows: [1, 2] }, new Uint8Array(MIB).fill(9)]) {
        const before = await run.keptBytes();
        const once = run.engine.share(value, "echo", lookup);
        const tasks = Array.from({ length: 20 }, () => run.task("echo", [once, 1]));
        expect((await run.keptBytes()) - before).toBeLessThan(2 * MIB);
        run.submit(...tasks);
        for (const task of tasks) await expectSame(run.value(task), [value, 1]);
      }
    });

    test("what many tasks get may refer to other tasks", async () => {
      const run = shared();
      const one = run.begin("sum", [[1]]);
      await run.succeeded(one);
      for (const value of [one, { deep: [one] }]) {
        const task = run.begin("echo", [run.engine.share(value, "echo", lookup)]);
        expect(task.dependencies).toEqual([one]);
        expect(await run.value(task)).toEqual([value === one ? 1 : { deep: [1] }]);
      }
    });

    test("what cannot travel is refused, with the task and the place inside the argument", () => {
      const { engine } = shared();
      const wrong = { rows: [1, { onDone: () => 1 }] };
      const refusals: [name: string, pack: () => unknown][] = [
        ['Argument 2.rows[1].onDone of task "count"', () => engine.pack([1, wrong], "count", lookup)],
        ['An unmapped argument.rows[1].onDone of task "count"', () => engine.share(wrong, "count", lookup)],
        ['The result.rows[1].onDone of task "count"', () => engine.keep(wrong, 'the result of task "count"')],
      ];
      for (const [name, pack] of refusals) {
        expect(pack).toThrow(NotSerializableError);
        expect(pack).toThrow(name);
      }
    });

    test("a result that cannot travel is a failure of its task, which says where", async () => {
      const run = shared();
      const nested = await run.report(run.begin("give", ["nested"]));
      expect(nested).toMatchObject({ kind: "failure", error: { code: "NOT_SERIALIZABLE" } });
      expect(nested.error!.message).toContain('The result.rows[1].onDone of task "give"');
      const whole = await run.report(run.begin("give", ["whole"]));
      expect(whole).toMatchObject({ kind: "failure", error: { code: "NOT_SERIALIZABLE" } });
    });

    test("what it keeps of a value from elsewhere is an argument like any result", async () => {
      const run = shared();
      for (const value of [1, undefined, { rows: [1, 2] }, new Uint8Array(MIB).fill(4)]) {
        const kept = run.engine.keep(value, "a value");
        await expectSame(run.engine.unpack(kept), value);
        await expectSame(run.value(run.begin("echo", [new KeptArgument(kept)])), [value]);
      }
    });

    test("values that were gathered are one", async () => {
      const run = shared();
      const tasks = [run.begin("sum", [[1, 2]]), run.begin("bytes", [MIB, 6])];
      await run.succeeded(...tasks);
      const inner = run.engine.gather(tasks.map(({ value }) => value));
      const outer = run.engine.gather([inner, tasks[0]!.value]);
      const expected = [[3, new Uint8Array(MIB).fill(6)], 3];
      await expectSame(run.engine.unpack(outer), expected);
      await expectSame(run.value(run.begin("echo", [new KeptArgument(outer)])), [expected]);
    });

    test("it takes over what another engine keeps, and has it when that one is closed", async () => {
      const run = shared();
      const other = await kit.begin();
      const made = other.begin("bytes", [MIB, 8]);
      const small = other.begin("sum", [[1, 2]]);
      await other.succeeded(made, small);
      const all = other.engine.gather([made.value, small.value, other.engine.keep({ a: 1 }, "a value")]);
      const taken = run.engine.takeOver(all, other.engine);
      // Where values lie elsewhere, the way over the value itself may be the only one.
      if (taken === undefined && kit.factory.store !== undefined) return;
      await other.close();
      const expected = [new Uint8Array(MIB).fill(8), 3, { a: 1 }];
      await expectSame(run.engine.unpack(taken!.kept), expected);
      await expectSame(run.value(run.begin("echo", [new KeptArgument(taken!.kept)])), [expected]);
      expect(run.engine.takeOver(made.value, other.engine)).toBeUndefined();
    });

    if (kit.hasProcesses) {
      test("a value outlives the worker that made it", async () => {
        const run = await kit.begin({ workers: 2 });
        const made: KitTask[] = Array.from({ length: 4 }, (_, fill) => run.begin("bytes", [MIB, fill]));
        await run.succeeded(...made);
        const makers = run.workers;
        for (const maker of makers) run.signal(maker, "SIGKILL");
        await Promise.all(makers.map((maker) => run.left(maker)));
        if (kit.takesWorkers) await run.addWorker();
        const hashes = made.map((task) => run.begin("hash", [task]));
        const values = await Promise.all(hashes.map((task) => run.value(task)));
        expect(values).toEqual(made.map((_, fill) => hashOf(new Uint8Array(MIB).fill(fill))));
        expect(await valuesOf(run, made)).toEqual(made.map((_, fill) => [MIB, fill]));
      });
    }
  });
}

/** Of each, its length and what it is full of. */
async function valuesOf(run: EngineRun, tasks: readonly KitTask[]): Promise<[number, number | undefined][]> {
  const values = (await Promise.all(tasks.map(({ value }) => run.engine.unpack(value)))) as Uint8Array[];
  return values.map((bytes) => [bytes.length, bytes[0]]);
}

/** For large values: `toEqual` looks at each byte, and takes seconds. */
async function expectSame(value: unknown, expected: unknown): Promise<void> {
  expect(isDeepStrictEqual(await value, expected)).toBe(true);
}
