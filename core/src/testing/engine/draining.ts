import { describe, expect, test } from "vitest";
import type { EngineKit } from "./engine-kit.ts";

/** Workers that come and go, as a cluster makes them. */
export function describeDraining(kit: EngineKit): void {
  if (!kit.hasProcesses) return;
  describe("workers that leave and come", () => {
    test("one that is drained ends what runs, gives back what has not begun, takes nothing new, and leaves", async () => {
      const run = await kit.begin({ workers: 2 });
      const file = run.files.file();
      const short = { expectedMs: 0.1 };
      const gates = [run.files.gate(), run.files.gate()];
      const hold = run.fn("keepThread", short);
      const holders = gates.map((gate) => run.begin(hold, [gate]));
      const [leaving, staying] = await run.running(...holders);
      expect(leaving).not.toBe(staying);
      const note = run.fn("note", short);
      const behind = Array.from({ length: 40 }, (_, n) => run.begin(note, [file, `${n}`]));
      run.drain(leaving!);
      run.drain(leaving!);
      run.files.open(gates[1]!);
      // All of them end while the one that leaves still runs what it had begun.
      const after = Array.from({ length: 10 }, () => run.begin(note, [file, "after"]));
      await run.succeeded(...behind, ...after);
      const reports = await run.reports([...behind, ...after]);
      expect(new Set(reports.map(({ worker }) => worker))).toEqual(new Set([staying]));
      const expected = [...behind.map((_, n) => `${n}`), ...after.map(() => "after")];
      expect(run.files.notes(file).sort()).toEqual(expected.sort());
      run.files.open(gates[0]!);
      expect(await run.report(holders[0]!)).toMatchObject({ kind: "success", worker: leaving });
      expect(await run.left(leaving!)).toMatchObject({ drained: true });
    });

    test("what lay at the only worker when it was drained is not lost, and waits for the next one", async () => {
      const run = await kit.begin();
      const [gate, file] = [run.files.gate(), run.files.file()];
      const short = { expectedMs: 0.1 };
      const holder = run.task(run.fn("keepThread", short), [gate]);
      const note = run.fn("note", short);
      const behind = Array.from({ length: 20 }, (_, n) => run.task(note, [file, `${n}`]));
      run.submit(holder, ...behind);
      const [only] = await run.running(holder);
      run.drain(only!);
      run.files.open(gate);
      expect(await run.report(holder)).toMatchObject({ kind: "success", worker: only });
      expect(await run.left(only!)).toMatchObject({ drained: true });
      if (kit.takesWorkers) await run.addWorker();
      // Some may have begun before it heard of it.
      await run.succeeded(...behind);
      expect(run.files.notes(file)).toEqual(behind.map((_, n) => `${n}`));
    });

    test("one that has nothing to do leaves at once, also when its process is told to by a signal", async () => {
      const run = await kit.begin({ workers: 2 });
      const [first, second] = run.workers;
      run.drain("nobody");
      run.drain(first!);
      expect(await run.left(first!)).toMatchObject({ drained: true });
      run.signal(second!, "SIGTERM");
      expect(await run.left(second!)).toMatchObject({ drained: true });
    });

    test("one that is told by a signal ends what runs before it leaves", async () => {
      const run = await kit.begin();
      const gate = run.files.gate();
      const task = run.begin("hold", [gate]);
      const [worker] = await run.running(task);
      run.signal(worker!, "SIGTERM");
      // Whatever comes now is another one's.
      const next = run.begin("sum", [[1, 2]]);
      if (kit.takesWorkers) await run.addWorker();
      run.files.open(gate);
      expect(await run.report(task)).toMatchObject({ kind: "success", worker });
      expect(await run.left(worker!)).toMatchObject({ drained: true });
      const report = await run.report(next);
      expect(report.kind).toBe("success");
    });

    test("one that drains and is killed loses what it ran", async () => {
      const run = await kit.begin();
      const task = run.begin("hold", [run.files.gate()]);
      const [worker] = await run.running(task);
      run.drain(worker!);
      run.signal(worker!, "SIGKILL");
      expect(await run.report(task)).toMatchObject({ kind: "lost", started: true, worker });
      expect(await run.left(worker!)).toMatchObject({ drained: false });
    });

    if (kit.takesWorkers) {
      test("tasks that nobody can take wait for the next worker, which knows the code of all", async () => {
        const run = await kit.begin({ workers: 0 });
        const tasks = Array.from({ length: 20 }, (_, n) => run.begin(n % 2 === 0 ? "sum" : "length", [[n]]));
        const first = await run.addWorker();
        expect(await Promise.all(tasks.map((task) => run.value(task)))).toEqual(
          tasks.map((_, n) => (n % 2 === 0 ? n : 1)),
        );
        run.drain(first);
        await run.left(first);
        const later = run.begin(tasks[0]!.fn, [[7]]);
        const second = await run.addWorker();
        expect(await run.report(later)).toMatchObject({ kind: "success", worker: second });
      });
    }
  });
}
