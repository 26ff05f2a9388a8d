import { describe, expect, test } from "vitest";
import type { Loss } from "../../contracts/engine.ts";
import type { EngineKit } from "./engine-kit.ts";

const KILLED = { signal: "SIGKILL", reason: expect.stringContaining("SIGKILL") };

/** Threads that end are lost in all engines, processes only where there are some. */
export function describeLosing(kit: EngineKit): void {
  describe("losing a thread", () => {
    const shared = kit.shared();

    test("process.exit() in a task ends its thread alone: the task is lost, and the reason says so", async () => {
      const run = shared();
      const before = (await run.value(run.begin("place"))) as { process: number };
      const lost = await run.report(run.begin("exitThread", [7]));
      expect(lost).toMatchObject({
        kind: "lost",
        started: true,
        death: { reason: "its thread ended by process.exit(7)" },
        loss: { during: "running", ofThread: true },
      });
      expect(lost.death!.deliberate).not.toBe(true);
      expect(await run.value(run.begin("place"))).toMatchObject({ process: before.process });
    });

    test("an error that nobody catches does so too", async () => {
      const run = shared();
      const lost = await run.report(run.begin("throwLater"));
      expect(lost).toMatchObject({ kind: "lost", started: true, loss: { ofThread: true } });
      expect(lost.death!.reason).toContain("nobody catches this");
    });

    test("each loss has its number, and a task knows how many there had been when it was placed", async () => {
      const run = shared();
      const losses: Loss[] = [];
      for (let count = 0; count < 3; count++)
        losses.push((await run.report(run.begin("exitThread", [0]))).loss!);
      expect(losses.map(({ number }) => number - losses[0]!.number)).toEqual([0, 1, 2]);
      expect(losses.every(({ number, before }) => before < number)).toBe(true);
      expect(losses[2]!.before).toBeGreaterThanOrEqual(losses[1]!.number);
    });

    test("what lay behind it and had not begun runs in another thread", async () => {
      const run = shared();
      const file = run.files.file();
      const short = { expectedMs: 0.1 };
      const gate = run.files.gate();
      await run.running(run.begin("hold", [gate]));
      const killer = run.task(run.fn("exitThread", short), [1]);
      const note = run.fn("note", short);
      const tasks = Array.from({ length: 20 }, (_, n) => run.task(note, [file, `${n}`]));
      run.submit(killer, ...tasks);
      run.files.open(gate);
      expect(await run.report(killer)).toMatchObject({ kind: "lost", started: true });
      await run.succeeded(...tasks);
      expect(run.files.notes(file)).toEqual(tasks.map((_, n) => `${n}`));
    });

    test.each([
      ["each is announced, since it may run only once", true],
      ["none is", false],
    ])(
      "of short ones among which one ended the thread, that one alone is lost: %s",
      async (_what, onlyOnce) => {
        const run = shared();
        const file = run.files.file();
        const fatal = run.fn("fatal", { expectedMs: 0.1, onlyOnce });
        const tasks = Array.from({ length: 100 }, (_, n) => run.task(fatal, [file, `${n}`, "50", "thread"]));
        run.submit(...tasks);
        const reports = await run.reports(tasks);
        expect(reports.filter(({ kind }) => kind !== "success")).toMatchObject([
          { task: { id: tasks[50]!.id }, kind: "lost", started: true },
        ]);
        expect(run.files.notes(file)).toEqual(tasks.map((_, n) => `${n}`));
      },
    );
  });

  if (!kit.hasProcesses) return;
  describe("losing a process", () => {
    test("all that runs on a worker which is killed is lost, with how it died, and the rest goes on", async () => {
      const run = await kit.begin({ workers: 2, threadsPerWorker: 2 });
      const gate = run.files.gate();
      const tasks = Array.from({ length: 4 }, () => run.begin("hold", [gate]));
      const workers = await run.running(...tasks);
      const [victim] = workers;
      run.signal(victim!, "SIGKILL");
      const lost = tasks.filter((_, index) => workers[index] === victim);
      for (const report of await run.reports(lost)) {
        expect(report).toMatchObject({ kind: "lost", started: true, worker: victim, death: KILLED });
        expect(report.loss).toMatchObject({ during: "running", ofThread: false, number: 1, before: 0 });
      }
      run.files.open(gate);
      await run.succeeded(...tasks.filter((_, index) => workers[index] !== victim));
      for (const task of lost) run.again(task);
      await run.succeeded(...lost);
      expect((await run.left(victim!)).drained).toBe(false);
    });

    test("what lay behind the one that ran had not begun", async () => {
      const run = await kit.begin();
      const [gate, file] = [run.files.gate(), run.files.file()];
      const short = { expectedMs: 0.1 };
      const holder = run.task(run.fn("keepThread", short), [gate]);
      const note = run.fn("note", short);
      const tasks = Array.from({ length: 10 }, (_, n) => run.task(note, [file, `${n}`]));
      run.submit(holder, ...tasks);
      const [worker] = await run.running(holder);
      run.signal(worker!, "SIGKILL");
      expect(await run.report(holder)).toMatchObject({ kind: "lost", started: true });
      run.files.open(gate);
      if (kit.takesWorkers) await run.addWorker();
      // Those that lay there are lost with it, and those that waited run on the next.
      for (const report of await run.reports(tasks)) {
        if (report.kind === "lost") expect(report).toMatchObject({ started: false, death: KILLED });
        else expect(report.kind).toBe("success");
      }
      expect(run.files.notes(file).length).toBe(
        tasks.filter((task) => run.recorder.reportOf(task)!.kind === "success").length,
      );
    });

    test("of short ones among which one ended the process, none is said not to have begun that had", async () => {
      for (const onlyOnce of [false, true]) {
        const run = await kit.begin();
        const file = run.files.file();
        const fatal = run.fn("fatal", { expectedMs: 0.1, onlyOnce });
        const tasks = Array.from({ length: 100 }, (_, n) => run.task(fatal, [file, `${n}`, "50", "process"]));
        run.submit(...tasks);
        await run.report(tasks[50]!);
        if (kit.takesWorkers) await run.addWorker();
        const reports = await run.reports(tasks);
        const noted = new Set(run.files.notes(file).map(Number));
        for (const [n, { kind, started }] of reports.entries()) {
          if (kind === "success") continue;
          expect(kind).toBe("lost");
          if (noted.has(n)) expect(started).not.toBe(false);
          if (onlyOnce) expect(started).toBe(noted.has(n));
        }
        expect(reports[50]).toMatchObject({ kind: "lost", death: KILLED });
        await run.close();
      }
    });

    test("a task that breaks its process says by which signal", async () => {
      const run = await kit.begin();
      const lost = await run.report(run.begin("killProcess", ["SIGSEGV"]));
      expect(lost).toMatchObject({ kind: "lost", started: true, death: { signal: "SIGSEGV" } });
      expect(lost.loss).toMatchObject({ during: "running", ofThread: false });
    });

    if (kit.takesWorkers) {
      test("a thread that wants more memory than it may have is lost, and its process is not", async () => {
        const run = await kit.begin({ memoryLimit: 48 * 2 ** 20 });
        const lost = await run.report(run.begin("hogMemory"));
        expect(lost).toMatchObject({ kind: "lost", started: true, death: { outOfMemory: true } });
        expect(lost.death!.reason).toContain("out of memory (the heap limit is 48 MiB)");
        expect(await run.value(run.begin("sum", [[1, 2]]))).toBe(3);
        expect(run.workers).toEqual([lost.worker]);
      });
    }
  });
}
