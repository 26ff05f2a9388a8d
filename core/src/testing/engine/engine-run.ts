import { randomIds } from "../../base/ids.ts";
import type { CodeUnit } from "../../contracts/code-unit.ts";
import type { Engine, TaskFunction, TaskReport } from "../../contracts/engine.ts";
import type { WorkerLinkEvent } from "../../contracts/worker-link.ts";
import { until } from "../until.ts";
import { codeOfTasks } from "./engine-code.ts";
import type { EngineFactory, EngineOptions, OpenEngine } from "./engine-factory.ts";
import { EngineRecorder } from "./engine-recorder.ts";
import { engineTasks } from "./engine-tasks.ts";
import { type Dependency, KitTask, lookup, type Standing } from "./kit-task.ts";
import { blobDirectories, bytesIn, processesWith } from "./left-behind.ts";
import { Scratch } from "./scratch.ts";

/** What an engine has other than one worker with one thread for one task. */
export type Shape = Partial<Omit<EngineOptions, "run">>;

export type TaskName = keyof typeof engineTasks;
type Joined = Extract<WorkerLinkEvent, { type: "joined" }>;
type Left = Extract<WorkerLinkEvent, { type: "left" }>;

/** How long what is left may take to go after an engine has closed, in milliseconds. */
const GONE_MS = 20_000;

/** An engine, its workers, and what tests do with them. */
export class EngineRun implements AsyncDisposable {
  readonly options: EngineOptions;
  readonly engine: Engine;
  readonly recorder = new EngineRecorder();
  readonly files = new Scratch();
  readonly #factory: EngineFactory;
  readonly #code: CodeUnit;
  readonly #open: OpenEngine;
  /** Where the engine keeps large values on this machine. */
  readonly #directories: readonly string[];
  readonly #joined = new Map<string, Joined>();
  readonly #left = new Map<string, Left>();
  #functions = 0;
  #tasks = 0;
  #workers = 0;
  #closing: Promise<void> | undefined;

  private constructor(factory: EngineFactory, code: CodeUnit, shape: Shape) {
    this.#factory = factory;
    this.#code = code;
    const flowRunId = randomIds.next("run");
    const facts = {
      flowName: "contract",
      image: "an-image",
      logLevel: "info",
      parameters: undefined,
    } as const;
    this.options = { run: { flowRunId, ...facts }, ...PLAIN, ...shape };
    const before = blobDirectories();
    this.#open = factory.open(this.options);
    this.engine = this.#open.engine;
    this.#directories = blobDirectories().filter((directory) => !before.includes(directory));
    this.#open.link?.subscribe((event) => {
      if (event.type === "joined") this.#joined.set(event.id, event);
      if (event.type === "left") this.#left.set(event.id, event);
    });
  }

  /** One that has not been started. */
  static async make(factory: EngineFactory, shape: Shape = {}): Promise<EngineRun> {
    return new EngineRun(factory, await codeOfTasks(), shape);
  }

  /** One whose workers have joined. */
  static async start(factory: EngineFactory, shape: Shape = {}): Promise<EngineRun> {
    const run = await EngineRun.make(factory, shape);
    try {
      await run.engine.start(run.recorder);
      const { workers, threadsPerWorker } = run.options;
      if (factory.workers === "added")
        await Promise.all(Array.from({ length: workers }, () => run.addWorker()));
      if (factory.workers === "own") await until(() => run.workers.length === workers * threadsPerWorker, 10);
      return run;
    } catch (error) {
      await run[Symbol.asyncDispose]();
      throw error;
    }
  }

  /* ------------------------------------------------------------------------------------------------ workers */

  /** Those that are there. */
  get workers(): string[] {
    return [...this.#joined.keys()].filter((id) => !this.#left.has(id));
  }

  /** Starts one, and gives its name once it can run tasks. */
  async addWorker(): Promise<string> {
    const id = `w-${++this.#workers}`;
    const { ended } = await this.#open.addWorker!(id);
    const failed = ended.then(({ reason }) => {
      throw new Error(`The worker ${id} ended before it joined: ${reason}`);
    });
    failed.catch(() => {});
    await Promise.race([until(() => this.#joined.has(id), 10), failed]);
    return id;
  }

  /** To its process, which may have ended by itself, before the engine knows. */
  signal(worker: string, signal: NodeJS.Signals): void {
    signalProcess(this.#joined.get(worker)!.pid, signal);
  }

  drain(worker: string): void {
    this.#open.link!.drain(worker);
  }

  /** Waits until it has left. */
  async left(worker: string): Promise<Left> {
    await until(() => this.#left.has(worker), 10);
    return this.#left.get(worker)!;
  }

  /* -------------------------------------------------------------------------------------------------- tasks */

  fn(name: TaskName, facts: Partial<TaskFunction> = {}): TaskFunction {
    return {
      index: this.#functions++,
      name,
      local: engineTasks[name],
      site: undefined,
      code: this.#code,
      expectedMs: undefined,
      expectedBytes: 0,
      resources: undefined,
      timeoutMs: undefined,
      onlyOnce: false,
      ...facts,
    };
  }

  /** A task that has not been submitted. */
  task(fn: TaskFunction | TaskName, args: readonly unknown[] = [], standing: Standing = {}): KitTask {
    const known = typeof fn === "string" ? this.fn(fn) : fn;
    const pack = () => this.engine.pack<Dependency>(args, known.name, lookup);
    const { payload, dependencies } = this.recorder.calling(pack);
    return new KitTask({ id: ++this.#tasks, fn: known, payload, dependencies }, standing);
  }

  submit(...tasks: readonly KitTask[]): void {
    this.recorder.submitted(tasks);
    this.recorder.calling(() => this.engine.submit(tasks));
  }

  /** A task that was submitted. */
  begin(fn: TaskFunction | TaskName, args: readonly unknown[] = [], standing: Standing = {}): KitTask {
    const task = this.task(fn, args, standing);
    this.submit(task);
    return task;
  }

  /** The next attempt of a task whose last one was lost. */
  again(task: KitTask): void {
    task.attempt++;
    task.alone = true;
    this.submit(task);
  }

  /** The end of the attempt that a task has now. */
  report(task: KitTask): Promise<TaskReport> {
    const { attempt } = task;
    return this.recorder.until(() => this.recorder.reportOf(task, attempt));
  }

  reports(tasks: readonly KitTask[]): Promise<TaskReport[]> {
    return Promise.all(tasks.map((task) => this.report(task)));
  }

  /** Waits until tasks have a value, so that what depends on them can be submitted. */
  async succeeded(...tasks: readonly KitTask[]): Promise<void> {
    for (const task of tasks) {
      const { kind, value, error, death } = await this.report(task);
      const what = `Task ${task.id} (${task.fn.name}) ended as ${kind}`;
      if (kind !== "success") throw error ?? new Error(`${what}: ${death?.reason}`);
      task.value = value;
    }
  }

  async value(task: KitTask): Promise<unknown> {
    await this.succeeded(task);
    return await this.engine.unpack(task.value);
  }

  /** Waits until tasks are said to run, and gives the workers that they run on. */
  running(...tasks: readonly KitTask[]): Promise<string[]> {
    return Promise.all(
      tasks.map(async (task) => (await this.recorder.until(() => this.recorder.startOf(task))).worker),
    );
  }

  /** `true` when it was forgotten. */
  cancel(task: KitTask, graceMs = this.options.cancelGraceMs): boolean {
    const isForgotten = this.recorder.calling(() => this.engine.cancel(task, graceMs));
    if (isForgotten) this.recorder.forgotten(task);
    return isForgotten;
  }

  /** Bytes that it keeps for large values, here and elsewhere. */
  async keptBytes(): Promise<number> {
    const elsewhere = (await this.#factory.store?.bytes(this.options.run.flowRunId)) ?? 0;
    return this.#directories.reduce((bytes, directory) => bytes + bytesIn(directory), elsewhere);
  }

  /* ---------------------------------------------------------------------------------------------------- end */

  close(): Promise<void> {
    this.#closing ??= this.engine.close().then(() => this.recorder.closed());
    return this.#closing;
  }

  /** What there is of it on this machine and elsewhere. */
  async leftBehind(): Promise<string[]> {
    const { flowRunId } = this.options.run;
    return [
      ...processesWith(`MUSTER_RUN_ID=${flowRunId}`).map((pid) => `process ${pid}`),
      ...blobDirectories().filter((directory) => this.#directories.includes(directory)),
      ...((await this.#factory.store?.leftovers(flowRunId)) ?? []),
    ];
  }

  /** Closes it, and gives what was said that must never be, and what is left. */
  async end(): Promise<string[]> {
    await this.close();
    const deadline = performance.now() + GONE_MS;
    await until(async () => (await this.leftBehind()).length === 0 || performance.now() > deadline);
    return [...this.recorder.faults, ...(await this.leftBehind())];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
    for (const pid of processesWith(`MUSTER_RUN_ID=${this.options.run.flowRunId}`))
      signalProcess(pid, "SIGKILL");
    this.files[Symbol.dispose]();
  }
}

function signalProcess(pid: number, signal: NodeJS.Signals): void {
  try {
    process.kill(pid, signal);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== "ESRCH") throw error;
  }
}

const PLAIN: Omit<EngineOptions, "run"> = {
  workers: 1,
  threadsPerWorker: 1,
  tasksPerThread: 1,
  resources: {},
  cancelGraceMs: 5000,
  heartbeatMs: undefined,
  workerTimeoutMs: undefined,
  memoryLimit: undefined,
};
