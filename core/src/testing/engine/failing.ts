import { describe, expect, test } from "vitest";
import { inlineFunction } from "../../code/inline.ts";
import type { CodeUnit } from "../../contracts/code-unit.ts";
import type { EngineKit } from "./engine-kit.ts";

export function describeFailing(kit: EngineKit): void {
  describe("code and failures", () => {
    const shared = kit.shared({ threadsPerWorker: 2 });
    const inline = (fn: (...args: never[]) => unknown): CodeUnit => inlineFunction(fn, "A function");

    test("functions run that are sent as source", async () => {
      const run = shared();
      const double = run.fn("echo", { name: "double", code: inline((n: number) => n * 2) });
      const later = run.fn("echo", { name: "later", code: inline(async (n: number) => n + 1) });
      const tasks = [1, 2, 3].flatMap((n) => [run.begin(double, [n]), run.begin(later, [n])]);
      expect(await Promise.all(tasks.map((task) => run.value(task)))).toEqual([2, 2, 4, 3, 6, 4]);
    });

    test("a task sees which run, task and attempt it is", async () => {
      const run = shared();
      const { flowRunId, flowName, image } = run.options.run;
      const task = run.task("facts");
      task.attempt = 3;
      run.submit(task);
      expect(await run.value(task)).toEqual({
        flowRunId,
        flowName,
        image,
        taskName: "facts",
        taskRunId: `${flowRunId}-${task.id}`,
        attempt: 3,
        parameters: undefined,
      });
    });

    test("what a task throws arrives with its name, code, stack, fields and causes", async () => {
      const run = shared();
      const { kind, error, started } = await run.report(run.begin("fail", ["typeError"]));
      expect({ kind, started }).toEqual({ kind: "failure", started: true });
      expect(error).toMatchObject({
        code: "TASK_FAILED",
        message: "the second",
        remoteName: "TypeError",
        remoteCode: "E_SECOND",
        data: { rows: [1, 2] },
        cause: { name: "RangeError", message: "the first", path: "/nowhere" },
      });
      expect(error!.stack).toContain("engine-tasks");
    });

    test("what is thrown and no error, or rejected later, is a failure as well", async () => {
      const run = shared();
      const text = await run.report(run.begin("fail", ["text"]));
      expect(text).toMatchObject({ kind: "failure", error: { message: "a text" } });
      const later = await run.report(run.begin("fail", ["rejection"]));
      expect(later).toMatchObject({ kind: "failure", error: { message: "later" } });
    });

    test("code that cannot be had fails those who need it, and says why", async () => {
      const run = shared();
      const nonsense: CodeUnit = { kind: "inline", id: "nonsense", source: "(() => {" };
      const broken = await run.report(run.begin(run.fn("echo", { name: "broken", code: nonsense })));
      expect(broken).toMatchObject({ kind: "failure", error: { remoteName: "SyntaxError" } });
      const missing = await run.report(run.begin(run.fn("echo", { name: "missing" })));
      expect(missing).toMatchObject({ kind: "failure", error: { code: "CODE" } });
      expect(missing.error!.message).toContain('The task "missing" is not there on a worker');
      expect(await run.value(run.begin("sum", [[1, 2]]))).toBe(3);
    });
  });
}
