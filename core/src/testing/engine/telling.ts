import { describe, expect, test } from "vitest";
import type { TaskFunction } from "../../contracts/engine.ts";
import type { EngineKit } from "./engine-kit.ts";
import type { EngineRun } from "./engine-run.ts";
import type { KitTask } from "./kit-task.ts";

const SHORT = { expectedMs: 0.1 };

/** What is heard of a task, in order. */
function heardOf(run: EngineRun, { id }: KitTask): string[] {
  return run.recorder.heard.flatMap((heard) => {
    if (heard.type === "log") return heard.event.taskRun === id ? heard.event.message : [];
    if (heard.type === "report") return heard.report.task.id === id ? heard.report.kind : [];
    return [];
  });
}

/** When what happens on a thread is heard. */
export function describeTelling(kit: EngineKit): void {
  describe("telling, on one thread", () => {
    const shared = kit.shared();

    /** A function that its thread takes to be short, and that waits at a gate. */
    const seemsShort = async (): Promise<TaskFunction> => {
      const run = shared();
      const fn = run.fn("keepThread", SHORT);
      const open = run.files.gate();
      run.files.open(open);
      const tasks = Array.from({ length: 20 }, () => run.task(fn, [open]));
      run.submit(...tasks);
      await run.succeeded(...tasks);
      return fn;
    };
    /** Has these run right before one that keeps the thread until their ends are heard. */
    const heardDuringNext = async (...tasks: readonly KitTask[]): Promise<void> => {
      const run = shared();
      const [before, during] = [run.files.gate(), run.files.gate()];
      const long = run.task(await seemsShort(), [during]);
      await run.running(run.begin("hold", [before]));
      run.submit(...tasks, long);
      run.files.open(before);
      await run.succeeded(...tasks);
      expect(run.recorder.reportOf(long)).toBeUndefined();
      run.files.open(during);
      await run.succeeded(long);
    };

    test.each([true, false])(
      "an end is told while the next task keeps the thread, whether or not anybody waits for it: %s",
      async (isWaitedFor) => {
        const run = shared();
        const turn = run.fn("turn", SHORT);
        await run.succeeded(run.begin(turn));
        await heardDuringNext(...Array.from({ length: 5 }, () => run.task(turn, [], { isWaitedFor })));
      },
    );

    test("a large result is told while the next task keeps the thread", async () => {
      const run = shared();
      const made = run.task(run.fn("bytes", SHORT), [2 ** 20, 3]);
      await heardDuringNext(made);
      expect(((await run.value(made)) as Uint8Array).length).toBe(2 ** 20);
    });

    test("many log lines and the end after them are told while the next task keeps the thread", async () => {
      const run = shared();
      const task = run.task(run.fn("log", SHORT), [200, "x".repeat(10_000)]);
      await heardDuringNext(task);
      expect(heardOf(run, task)).toHaveLength(201);
    });

    test("what runs for a while is said to run, with its worker, before its end", async () => {
      const run = shared();
      const gate = run.files.gate();
      const task = run.begin("keepThread", [gate]);
      const [worker] = await run.running(task);
      run.files.open(gate);
      const report = await run.report(task);
      expect(report.worker).toBe(worker);
      expect(report.durationMs).toBeGreaterThan(0);
    });

    test("who hears of an end can submit and cancel there and then", async () => {
      const run = shared();
      const fns = [run.fn("turn", SHORT), run.fn("turn")];
      const tasks = [run.task(fns[0]!)];
      const held = run.files.gate();
      const cancelled: KitTask[] = [];
      run.recorder.whenReported = ({ task, kind }) => {
        if (kind !== "success" || task.id !== tasks.at(-1)!.id || tasks.length === 100) return;
        const next = run.task(fns[tasks.length % 2]!);
        const unwanted = run.task("hold", [held]);
        tasks.push(next);
        cancelled.push(unwanted);
        run.submit(next, unwanted);
        run.cancel(unwanted, 0);
      };
      run.submit(...tasks);
      while (tasks.length < 100) await run.report(tasks.at(-1)!);
      await run.succeeded(...tasks);
      run.recorder.whenReported = undefined;
      expect(cancelled).toHaveLength(99);
    });

    test("log lines of a task are heard before its end, in order, and say whose they are", async () => {
      const run = shared();
      const padding = "x".repeat(10_000);
      const tasks = [["", 3] as const, [padding, 200] as const, ["", 1000] as const].map(([text, lines]) => ({
        lines,
        text,
        task: run.begin(run.fn("log", SHORT), [lines, text]),
      }));
      for (const { task, lines, text } of tasks) {
        const { worker } = await run.report(task);
        const expected = Array.from({ length: lines }, (_, line) => `line ${line}${text}`);
        expect(heardOf(run, task)).toEqual([...expected, "success"]);
        const last = run.recorder.logs().findLast(({ taskRun }) => taskRun === task.id);
        expect(last).toMatchObject({ level: "info", worker, task: "log", attempt: 1 });
      }
    });

    test("what it says last is heard, also when it ends its thread", async () => {
      const run = shared();
      const task = run.begin("logAndEnd", ["the last words"]);
      expect(await run.report(task)).toMatchObject({ kind: "lost" });
      expect(heardOf(run, task)).toEqual(["the last words", "lost"]);
      expect(run.recorder.logs().at(-1)).toMatchObject({ level: "warn", data: { of: "its end" } });
    });
  });
}
