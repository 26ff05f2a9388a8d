import { describe, expect, test } from "vitest";
import { seededRandom } from "../seeded-random.ts";
import type { EngineKit } from "./engine-kit.ts";
import type { EngineRun } from "./engine-run.ts";
import type { Life } from "./engine-tasks.ts";
import type { KitTask } from "./kit-task.ts";

const TASKS = 2000;
/** As many are with the engine at a time. */
const AT_ONCE = 300;
const KILLS = 5;

/** Takes tasks through a run as a scheduler does: what is lost is tried again. */
class Lives {
  readonly #run: EngineRun;
  readonly #random: () => number;
  readonly #file: string;
  /** Ends that are there for each way of ending: which attempts. */
  readonly succeeded = new Set<string>();
  readonly neverBegun = new Set<string>();
  readonly forgotten = new Set<string>();
  lost = 0;
  ended = 0;

  constructor(run: EngineRun, random: () => number) {
    this.#run = run;
    this.#random = random;
    this.#file = run.files.file();
  }

  /** Attempts that tasks said they were, in the order in which they began. */
  get begun(): string[] {
    return this.#run.files.notes(this.#file);
  }

  /** @param onEnd called with the number of tasks that have ended */
  async all(onEnd: (ended: number) => void): Promise<void> {
    const fns = [0.2, 3, undefined].map((expectedMs) => this.#run.fn("live", { expectedMs }));
    const lives: Promise<void>[] = [];
    let free = Promise.withResolvers<void>();
    let room = AT_ONCE;
    for (let count = 0; count < TASKS; count++) {
      for (; room === 0; free = Promise.withResolvers()) await free.promise;
      room--;
      const standing = { priority: this.#below(2), depth: this.#below(3), isWaitedFor: this.#below(4) === 0 };
      const task = this.#run.task(fns[this.#below(3)]!, [this.#file, this.#life()], standing);
      const life = this.#live(task).then(() => {
        room++;
        onEnd(++this.ended);
        free.resolve();
      });
      lives.push(life);
    }
    await Promise.all(lives);
  }

  #below(limit: number): number {
    return Math.floor(this.#random() * limit);
  }

  #life(): Life {
    const lot = this.#random();
    if (lot < 0.004) return { end: "thread" };
    if (lot < 0.03) return { end: "failure" };
    return { ms: lot < 0.7 ? 0 : lot < 0.99 ? this.#below(10) : 50 + this.#below(50) };
  }

  async #live(task: KitTask): Promise<void> {
    this.#run.submit(task);
    for (;;) {
      const attempt = `${task.id}.${task.attempt}`;
      if (this.#below(20) === 0) {
        // At any moment of its life.
        await new Promise((resolve) => setTimeout(resolve, this.#below(20)));
        if (this.#run.recorder.reportOf(task) === undefined && this.#run.cancel(task, 20)) {
          this.forgotten.add(attempt);
          return;
        }
      }
      const { kind, started } = await this.#run.report(task);
      if (kind === "success") this.succeeded.add(attempt);
      if (kind === "lost" && started === false) this.neverBegun.add(attempt);
      if (kind !== "lost") return;
      this.lost++;
      this.#run.again(task);
    }
  }
}

export function describeEnds(kit: EngineKit): void {
  describe("ends", () => {
    const kills = kit.hasProcesses ? ` and ${KILLS} workers are killed` : "";
    test(`each attempt of ${TASKS} random tasks ends exactly once, while threads end, tasks are cancelled${kills}`, async () => {
      const { random, seed } = seededRandom();
      const run = await kit.begin({ workers: 3, cancelGraceMs: 50 });
      const lives = new Lives(run, random);
      const killed = new Map<string, Promise<unknown>>();
      await lives.all((ended) => {
        const isTime = ended % Math.floor(TASKS / (KILLS + 1)) === 0 && killed.size < KILLS;
        if (!kit.hasProcesses || !isTime) return;
        // That it is gone may not be known yet.
        const victim = run.workers.find((worker) => !killed.has(worker));
        if (victim === undefined) return;
        run.signal(victim, "SIGKILL");
        killed.set(victim, kit.takesWorkers ? run.addWorker() : run.left(victim));
      });
      await Promise.all(killed.values());
      // That each attempt ends once is seen by who hears the engine, and told when the run ends.
      expect(lives.ended, `seed ${seed}`).toBe(TASKS);
      expect(lives.lost, `seed ${seed}`).toBeGreaterThan(0);
      const begun = lives.begun;
      const timesBegun = Map.groupBy(begun, (attempt) => attempt);
      expect(timesBegun.size, `seed ${seed}: an attempt began twice`).toBe(begun.length);
      const unsung = [...lives.succeeded].filter((attempt) => !timesBegun.has(attempt));
      expect(unsung, `seed ${seed}: they succeeded, and never began`).toEqual([]);
      const untrue = [...lives.neverBegun, ...lives.forgotten].filter((attempt) => timesBegun.has(attempt));
      expect(untrue, `seed ${seed}: they began, and were said not to have`).toEqual([]);
    });

    if (kit.hasProcesses) {
      test("what a worker that was given up has still to say does not end the attempt that came after", async () => {
        const run = await kit.begin({ heartbeatMs: 100, workerTimeoutMs: 2000 });
        const [silent] = run.workers;
        const [first, second] = [run.files.gate(), run.files.gate()];
        const task = run.begin("hold", [first]);
        await run.running(task);
        run.signal(silent!, "SIGSTOP");
        const lost = await run.report(task);
        expect(lost).toMatchObject({ attempt: 1, kind: "lost", started: true, worker: silent });
        // It ends there as soon as that worker goes on, which may be while the next one runs.
        run.files.open(first);
        const next = run.task("hold", [second]);
        if (kit.takesWorkers) {
          await run.addWorker();
          run.signal(silent!, "SIGCONT");
        }
        run.again(task);
        run.submit(next);
        expect(await run.report(task)).toMatchObject({ attempt: 2, kind: "success" });
        run.files.open(second);
        expect((await run.report(next)).worker).not.toBe(silent);
        await run.left(silent!);
      });
    }

    test("a report names the attempt that was submitted, whatever has become of the task since", async () => {
      const run = await kit.begin();
      const gate = run.files.gate();
      const task = run.begin("hold", [gate]);
      await run.running(task);
      task.attempt = 2;
      run.files.open(gate);
      const report = await run.recorder.until(() => run.recorder.reportOf(task, 1));
      expect(report).toMatchObject({ attempt: 1, kind: "success" });
    });
  });
}
