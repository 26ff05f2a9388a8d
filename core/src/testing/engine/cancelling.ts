import { describe, expect, test } from "vitest";
import type { EngineKit } from "./engine-kit.ts";
import type { KitTask } from "./kit-task.ts";

/** Longer than a test waits. */
const LONG_MS = 600_000;

export function describeCancelling(kit: EngineKit): void {
  describe("cancelling, on one thread", () => {
    const shared = kit.shared();

    test("what waits is forgotten: no report follows, and it never runs", async () => {
      const run = shared();
      const [gate, file] = [run.files.gate(), run.files.file()];
      await run.running(run.begin("hold", [gate]));
      const tasks: KitTask[] = ["a", "b", "c"].map((word) => run.begin("note", [file, word]));
      expect(run.cancel(tasks[1]!)).toBe(true);
      run.files.open(gate);
      await run.succeeded(tasks[0]!, tasks[2]!);
      expect(run.files.notes(file)).toEqual(["a", "c"]);
    });

    test("what runs is told, and has its grace to clean up", async () => {
      const run = shared();
      const file = run.files.file();
      const task = run.begin("obey", [file]);
      await run.running(task);
      expect(run.cancel(task, LONG_MS)).toBe(false);
      expect(await run.report(task)).toMatchObject({ kind: "cancelled", started: true });
      expect(run.files.notes(file)).toEqual(["TASK_CANCELLED"]);
    });

    test.each(["spin", "forEver"] as const)(
      "what does not end by itself loses its thread after its grace: %s",
      async (name) => {
        const run = shared();
        const before = await run.value(run.begin("place"));
        const task = run.begin(name);
        await run.running(task);
        expect(run.cancel(task, 50)).toBe(false);
        expect(await run.report(task)).toMatchObject({ kind: "cancelled" });
        const after = await run.value(run.begin("place"));
        expect(after).not.toEqual(before);
        // A thread has ended, and no process.
        expect(after).toMatchObject({ process: (before as { process: number }).process });
      },
    );

    test("asked again, it has the shorter grace", async () => {
      const run = shared();
      const task = run.begin("spin");
      await run.running(task);
      expect(run.cancel(task, LONG_MS)).toBe(false);
      expect(run.cancel(task, 10)).toBe(false);
      expect(await run.report(task)).toMatchObject({ kind: "cancelled" });
    });

    test("what lies at a worker and has not begun never does, and what lies there with it runs", async () => {
      const run = shared();
      const [gate, file] = [run.files.gate(), run.files.file()];
      const short = { expectedMs: 0.1 };
      const holder = run.task(run.fn("keepThread", short), [gate]);
      const note = run.fn("note", short);
      const tasks = ["a", "b", "c"].map((word) => run.task(note, [file, word]));
      run.submit(holder, ...tasks);
      await run.running(holder);
      const isForgotten = run.cancel(tasks[1]!);
      if (!isForgotten)
        expect(await run.report(tasks[1]!)).toMatchObject({ kind: "cancelled", started: false });
      run.files.open(gate);
      await run.succeeded(holder, tasks[0]!, tasks[2]!);
      expect(run.files.notes(file)).toEqual(["a", "c"]);
    });

    test("what has ended already stays as it ended", async () => {
      const run = shared();
      const task = run.begin("sum", [[1, 2]]);
      await run.succeeded(task);
      run.cancel(task, 0);
      expect(await run.value(run.begin("sum", [[3]]))).toBe(3);
      expect(await run.value(task)).toBe(3);
    });
  });

  describe("timeouts, on one thread", () => {
    const shared = kit.shared({ cancelGraceMs: 50 });

    test("what takes too long is told, and reported as that, whatever it gives at its end", async () => {
      const run = shared();
      const file = run.files.file();
      const report = await run.report(run.begin(run.fn("obey", { timeoutMs: 100 }), [file]));
      expect(report).toMatchObject({ kind: "timeout", started: true, value: undefined });
      expect(run.files.notes(file)).toEqual(["TASK_TIMEOUT"]);
    });

    test.each(["spin", "forEver"] as const)("what does not end then loses its thread: %s", async (name) => {
      const run = shared();
      expect(await run.report(run.begin(run.fn(name, { timeoutMs: 50 })))).toMatchObject({ kind: "timeout" });
      expect(await run.value(run.begin("sum", [[1, 2]]))).toBe(3);
    });

    test("each attempt has the whole time for itself", async () => {
      const run = shared();
      const fn = run.fn("visit", { timeoutMs: 30_000, expectedMs: 1 });
      const tasks = Array.from({ length: 20 }, () => run.begin(fn, [run.files.file(), 5]));
      await run.succeeded(...tasks);
    });
  });

  describe("cancelling, on a thread that runs several tasks at once", () => {
    test("what loses its thread for another one's sake is lost, and not by its own fault", async () => {
      const run = await kit.begin({ tasksPerThread: 2 });
      const gate = run.files.gate();
      const [deaf, neighbour] = [run.begin("forEver"), run.begin("hold", [gate])];
      await run.running(deaf, neighbour);
      run.cancel(deaf, 10);
      expect(await run.report(deaf)).toMatchObject({ kind: "cancelled" });
      const lost = await run.report(neighbour);
      expect(lost).toMatchObject({ kind: "lost", started: true, death: { deliberate: true } });
      run.again(neighbour);
      run.files.open(gate);
      expect(await run.value(neighbour)).toBe("held");
    });

    test("one that obeys costs its neighbours nothing", async () => {
      const run = await kit.begin({ tasksPerThread: 2 });
      const gate = run.files.gate();
      const [obedient, neighbour] = [run.begin("obey", [run.files.file()]), run.begin("hold", [gate])];
      await run.running(obedient, neighbour);
      run.cancel(obedient, LONG_MS);
      expect(await run.report(obedient)).toMatchObject({ kind: "cancelled" });
      run.files.open(gate);
      expect(await run.value(neighbour)).toBe("held");
    });
  });
}
