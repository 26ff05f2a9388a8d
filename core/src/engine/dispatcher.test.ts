import { expect, test } from "vitest";
import { ReportKind } from "../wire/batches.ts";
import { DEATH, DispatcherRun, engineTask, engineTasks, range, taskFunction } from "./dispatcher.test.kit.ts";

/** Known to take less than a worker could wait for. */
const shortTasks = (ids: readonly number[]) => engineTasks(ids, { fn: taskFunction({ expectedMs: 0.5 }) });

test("a task goes to a free lane at once, with its function before it, and its end is reported", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  const task = engineTask(1);
  run.dispatcher.submit([task]);
  expect(worker.defined).toEqual(["work"]);
  expect(worker.lanes).toEqual([[1]]);

  worker.starts(1);
  expect(run.starts).toEqual([{ task, attempt: 1, worker: "w-1" }]);
  worker.ends(0, ReportKind.success, "the value");
  expect(run.reports).toMatchObject([
    { task, attempt: 1, worker: "w-1", kind: "success", value: "the value", durationMs: 1.5 },
  ]);
});

test("every lane of every worker gets one task, and the rest wait until one ends", () => {
  using run = new DispatcherRun();
  const [first, second] = [run.worker("w-1", { lanes: 2 }), run.worker("w-2")];
  run.dispatcher.submit(engineTasks(range(1, 5)));
  expect([...first.lanes, ...second.lanes]).toEqual([[1], [2], [3]]);
  second.ends(0);
  expect(second.lanes).toEqual([[4]]);
  expect([first.defined, second.defined]).toEqual([["work"], ["work"]]);
});

test("a worker that joins gets what waits, and a lane as many at once as it has room for", () => {
  using run = new DispatcherRun();
  run.dispatcher.submit(engineTasks(range(1, 5)));
  expect(run.worker("w-1", { tasksPerLane: 3 }).lanes).toEqual([[1, 2, 3]]);
  expect(run.dispatcher.load("w-1")).toBe(3);
});

test("each way in which an attempt ends is reported as what it is", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  run.dispatcher.submit(engineTasks(range(1, 3)));
  worker.ends(0, ReportKind.timeout, null);
  worker.ends(0, ReportKind.cancelled, null);
  worker.ends(0, ReportKind.failure, { name: "Error", message: "no", stack: "" });
  expect(run.reports).toMatchObject([
    { kind: "timeout" },
    { kind: "cancelled" },
    { kind: "failure", error: { message: "no" } },
  ]);
});

/* ---------------------------------------------------------------------------------------------- ahead of need */

test("short tasks are sent ahead in one message, as many as are expected to take some milliseconds", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  run.dispatcher.submit(shortTasks(range(1, 1000)));
  expect(worker.messages).toBe(1);
  expect(worker.lanes[0]!.length).toBeGreaterThan(4);
  expect(worker.lanes[0]!.length).toBeLessThan(80);
  const window = worker.lanes[0]!.length;
  for (let end = 0; end < 900; end++) worker.ends(0);
  expect(worker.lanes[0]!.length).toBeLessThanOrEqual(window);
  expect(run.reports.map(({ task }) => task.id)).toEqual(range(1, 900));
});

test("when few are left, every lane gets its share of them", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 4 });
  run.dispatcher.submit(shortTasks(range(1, 8)));
  for (const tasks of worker.lanes) expect([1, 2, 3]).toContain(tasks.length);
  expect(worker.lanes.flat()).toHaveLength(8);
});

test("what waits is spread over lanes before it is stacked on one, those with the least to do first", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 2 });
  run.dispatcher.submit(shortTasks(range(1, 3)));
  expect(worker.lanes.map((tasks) => tasks.length).sort()).toEqual([1, 2]);
  run.dispatcher.submit(shortTasks(range(4, 8)));
  expect(worker.lanes.map((tasks) => tasks.length)).toEqual([4, 4]);
  worker.ends(0);
  worker.ends(0);
  run.dispatcher.submit(shortTasks([9, 10]));
  expect(worker.lanes.map((tasks) => tasks.length)).toEqual([4, 4]);
});

test("what gives large values is not sent ahead beyond some of them: a run's memory follows its width", () => {
  const fn = taskFunction({ expectedMs: 0.5, expectedBytes: 2 ** 20 });
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  run.dispatcher.submit(engineTasks(range(1, 40), { fn }));
  expect(worker.lanes).toEqual([[1, 2, 3, 4]]);
  fn.expectedBytes = 5 * 2 ** 20;
  for (let end = 0; end < 8; end++) worker.ends(0);
  expect(worker.lanes[0]).toHaveLength(1);
});

test("a lane that starves gets its share of what lies at another, though that one is not stuck", async () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 2 });
  run.dispatcher.submit(engineTasks(range(1, 8), { fn: taskFunction({ expectedMs: 2 }) }));
  expect(worker.lanes.map((tasks) => tasks.length)).toEqual([4, 4]);
  while (worker.lanes[1]!.length > 0) worker.ends(1);
  await run.clock.advance(2);
  expect(worker.lanes.map((tasks) => tasks.length)).toEqual([2, 2]);
});

test("tasks of unknown or long duration, and those that are to be alone, are not sent ahead", () => {
  const short = taskFunction({ expectedMs: 0.5 });
  const long = taskFunction({ expectedMs: 50 });
  for (const facts of [{ fn: taskFunction() }, { fn: long }, { fn: short, alone: true }]) {
    using run = new DispatcherRun();
    const worker = run.worker("w-1");
    run.dispatcher.submit(engineTasks(range(1, 5), facts));
    expect(worker.lanes).toEqual([[1]]);
  }
});

test("what lies behind a task that turns out long goes to the lanes that starve", async () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 2 });
  run.dispatcher.submit(shortTasks(range(1, 40)));
  const [stuck, behind] = [worker.lanes[0]![0]!, worker.lanes[0]!.slice(1)];
  expect(behind.length).toBeGreaterThan(0);
  const finishSecondLane = (): void => {
    while (worker.lanes[1]!.length > 0) worker.ends(1);
  };
  // At first it is taken to be slow, and has a share of what it gave back; then to be stuck.
  for (let round = 0; round < 3; round++) {
    finishSecondLane();
    await run.clock.advance(100);
  }
  expect(worker.lanes[0]).toEqual([stuck]);
  finishSecondLane();
  expect(run.reports).toHaveLength(39);
});

test("the last task of all does not go back to the lane that is stuck", async () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 2 });
  run.dispatcher.submit(engineTasks([1, 2, 3], { fn: taskFunction({ expectedMs: 1 }) }));
  const stuck = worker.lanes.findIndex((tasks) => tasks.length === 2);
  worker.ends(1 - stuck);
  await run.clock.advance(100);
  expect(worker.lanes[1 - stuck]).toHaveLength(1);
});

test("a task whose arguments cannot be sent fails alone, and what is sent after it keeps its number", async () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { tasksPerLane: 4 });
  const tooLarge = [{ value: "x".repeat(100_000) }];
  run.loseBlobs();
  const [first, second, third] = engineTasks([1, 2, 3]);
  run.dispatcher.submit([first!, { ...second!, dependencies: tooLarge }, third!]);
  await Promise.resolve();
  expect(run.reports).toMatchObject([{ task: { id: 2 }, kind: "failure", error: { code: "ENOENT" } }]);
  expect(worker.lanes).toEqual([[1, 3]]);
  worker.laneEnds(0, 1);
  expect(run.reports.slice(1)).toMatchObject([{ task: { id: 1 }, kind: "lost" }]);
  expect(run.worker("w-2").lanes).toEqual([[3]]);
});

/* -------------------------------------------------------------------------------------- priorities, resources */

test("higher priorities go first", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  const priorities = [0, 0, 2, 1, 2];
  run.dispatcher.submit(priorities.map((priority, index) => engineTask(index + 1, { priority })));
  const order: number[] = [];
  while (worker.lanes[0]!.length > 0) {
    order.push(worker.lanes[0]![0]!);
    worker.ends(0);
  }
  expect(order).toEqual([3, 5, 4, 1, 2]);
});

const needing = (id: number, GPU: number) => engineTask(id, { fn: taskFunction({ resources: { GPU } }) });

test("tasks go only to workers that have what they need, and share it", () => {
  using run = new DispatcherRun();
  const plain = run.worker("w-1", { lanes: 2 });
  const gpu = run.worker("w-2", { lanes: 3, resources: { GPU: 2 } });
  run.dispatcher.submit([needing(1, 1), needing(2, 1), needing(3, 1), engineTask(4)]);
  expect([plain.lanes, gpu.lanes]).toEqual([
    [[4], []],
    [[1], [2], []],
  ]);
  gpu.ends(0);
  expect(gpu.lanes).toEqual([[3], [2], []]);
});

test("what a large task gives back goes to as many small ones as it suffices for", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 3, resources: { GPU: 2 } });
  run.dispatcher.submit([needing(1, 2), needing(2, 1), needing(3, 1)]);
  expect(worker.lanes).toEqual([[1], [], []]);
  worker.ends(0);
  expect(worker.lanes.flat().sort()).toEqual([2, 3]);
});

test("workers of one machine share its resources, and what one frees goes to another", () => {
  using run = new DispatcherRun({ sharedResources: { GPU: 1 } });
  const workers = [run.worker("w-1"), run.worker("w-2")];
  run.dispatcher.submit([needing(1, 1), needing(2, 1)]);
  expect(workers.map(({ lanes }) => lanes)).toEqual([[[1]], [[]]]);
  run.dispatcher.drainWorker("w-1");
  workers[0]!.ends(0);
  expect(workers[1]!.lanes).toEqual([[2]]);
});

test("what a lost worker held of the machine's resources is free again", () => {
  using run = new DispatcherRun({ sharedResources: { GPU: 1 } });
  run.worker("w-1");
  const other = run.worker("w-2");
  run.dispatcher.submit([needing(1, 1), needing(2, 1)]);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(other.lanes).toEqual([[2]]);
});

/* ------------------------------------------------------------------------------------------- workers that leave */

test("a worker that is to rest is told so when its task has ended, gives back the rest, and gets more when it wakes", () => {
  using run = new DispatcherRun();
  const [first, second] = [run.worker("w-1"), run.worker("w-2")];
  run.dispatcher.submit(shortTasks(range(1, 6)));
  const waiting = first.lanes[0]!.slice(1);
  run.dispatcher.restWorker("w-1");
  expect(first.lanes[0]).toHaveLength(1);
  expect(second.lanes[0]).toEqual(expect.arrayContaining(waiting));
  expect(first.rests).toBe(0);
  first.ends(0);
  expect([first.rests, first.lanes[0]]).toEqual([1, []]);
  run.dispatcher.submit(engineTasks([7, 8]));
  expect(first.lanes[0]).toEqual([]);
  run.dispatcher.wakeWorker("w-1");
  expect(first.lanes[0]!.length).toBeGreaterThan(0);
});

test("a worker that joins at rest gets nothing before it wakes, and one without tasks rests at once", () => {
  using run = new DispatcherRun();
  run.dispatcher.submit([engineTask(1)]);
  const worker = run.worker("w-1", { isResting: true });
  expect(worker.lanes).toEqual([[]]);
  run.dispatcher.wakeWorker("w-1");
  expect(worker.lanes).toEqual([[1]]);
  worker.ends(0);
  run.dispatcher.restWorker("w-1");
  expect(worker.rests).toBe(1);
});

test("what there is to do is counted by what it needs, waiting or at workers", () => {
  using run = new DispatcherRun();
  const gpu = taskFunction({ resources: { GPU: 1 } });
  run.dispatcher.submit([...engineTasks(range(1, 3)), ...engineTasks([4, 5], { fn: gpu })]);
  const worker = run.worker("w-1", { resources: { GPU: 1 }, lanes: 2 });
  const demand = () => run.dispatcher.demand.map(({ needs, count }) => [needs, count]);
  expect(demand()).toEqual([
    [{}, 3],
    [{ GPU: 1 }, 2],
  ]);
  worker.ends(0);
  expect(demand().map(([, count]) => count)).toEqual([2, 2]);
});

test("a draining worker gets nothing more, what it gives back goes to others, and its ends still count", () => {
  using run = new DispatcherRun();
  const [leaving, staying] = [run.worker("w-1"), run.worker("w-2")];
  run.dispatcher.submit(shortTasks(range(1, 10)));
  run.dispatcher.drainWorker("w-1");
  run.dispatcher.drainWorker("w-1");
  const last = leaving.lanes[0]!.shift()!;
  leaving.says(0, [{ id: last, attempt: 1, kind: ReportKind.success }]);
  while (staying.lanes[0]!.length > 0) staying.ends(0);
  expect(leaving.lanes).toEqual([[]]);
  expect(run.reports.map(({ task }) => task.id).sort((a, b) => a - b)).toEqual(range(1, 10));
  expect(run.reports.map(({ kind }) => kind)).not.toContain("lost");
});

test("tasks that came back go before those that waited, in their order", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { tasksPerLane: 3 });
  run.dispatcher.submit(engineTasks(range(1, 6)));
  run.dispatcher.drainWorker("w-1");
  expect(worker.lanes).toEqual([[1]]);
  expect(run.worker("w-2", { tasksPerLane: 4 }).lanes).toEqual([[2, 3, 4, 5]]);
});

test("what was announced had started where its worker is lost, and what lies behind it had not", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 2 });
  run.dispatcher.submit(engineTasks([1, 2]));
  worker.begins(0, 1);
  // Said of another lane's task, it is not believed.
  worker.begins(0, 2);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports).toMatchObject([
    { task: { id: 1 }, kind: "lost", started: true, death: DEATH },
    { task: { id: 2 }, kind: "lost", started: false },
  ]);
});

test("what was taken back as it was about to begin, and lies there again, has not started", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { tasksPerLane: 2 });
  run.dispatcher.submit(engineTasks([1, 2]));
  const number = worker.numberOf(0, 2);
  run.dispatcher.returned("w-1", { lane: 0, from: number, end: number + 1 });
  worker.begins(0, 2, number);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports).toMatchObject([
    { task: { id: 1 }, started: false },
    { task: { id: 2 }, started: false },
  ]);
});

test("of short ones that lay there together it is not known which of them had started, unless each is announced", () => {
  for (const [onlyOnce, started] of [
    [false, "perhaps"],
    [true, false],
  ] as const) {
    using run = new DispatcherRun();
    const worker = run.worker("w-1");
    const fn = taskFunction({ expectedMs: 0.1, onlyOnce });
    run.dispatcher.submit(range(1, 4).map((id) => engineTask(id, { fn })));
    worker.begins(0, 1);
    worker.ends(0);
    run.dispatcher.removeWorker("w-1", DEATH);
    expect(run.reports.slice(1).map((report) => report.started)).toEqual([started, started, started]);
  }
});

test("of short ones behind one that was seen to run it is not known either: it may have ended since", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  const fn = taskFunction({ expectedMs: 0.1 });
  run.dispatcher.submit(range(1, 4).map((id) => engineTask(id, { fn })));
  worker.begins(0, 1);
  worker.ends(0);
  worker.starts(2);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports.slice(1).map(({ started }) => started)).toEqual([true, "perhaps", "perhaps"]);
});

test("what lay at a lost worker is lost, and what nobody may have begun had not started", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  run.dispatcher.submit(shortTasks(range(1, 4)));
  worker.ends(0);
  worker.starts(2);
  run.dispatcher.removeWorker("w-1", DEATH);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports.slice(1)).toMatchObject([
    { task: { id: 2 }, kind: "lost", started: true, death: DEATH },
    { task: { id: 3 }, kind: "lost", started: false },
    { task: { id: 4 }, kind: "lost", started: false },
  ]);
  expect(run.dispatcher.load("w-1")).toBe(0);
});

test("a worker that dies before it told of anything has not started what it was sent", () => {
  using run = new DispatcherRun();
  run.worker("w-1");
  run.dispatcher.submit([engineTask(1)]);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports).toMatchObject([{ kind: "lost", started: false }]);
});

test("a loss says what ran, or was next and waited for its code, and what was lost before it was placed", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { lanes: 2 });
  run.dispatcher.submit(engineTasks([1]));
  worker.begins(0, 1);
  run.dispatcher.submit(shortTasks([2, 3]));
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports.map(({ task, loss }) => [task.id, loss])).toEqual([
    [1, { during: "running", ofThread: false, death: DEATH, number: 1, before: 0 }],
    [2, { during: "loading", ofThread: false, death: DEATH, number: 1, before: 0 }],
    [3, undefined],
  ]);
  const next = run.worker("w-2");
  run.dispatcher.submit(engineTasks([4]));
  next.laneEnds(0, 0);
  expect(run.reports.at(-1)).toMatchObject({
    task: { id: 4 },
    kind: "lost",
    started: false,
    loss: { during: "loading", ofThread: true, number: 2, before: 1 },
  });
});

test("what had not begun in a thread that ended goes elsewhere; what had is lost, or was ended", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1", { tasksPerLane: 4 });
  run.dispatcher.submit(engineTasks(range(1, 4)));
  worker.ends(0);
  worker.laneEnds(0, 2, { ended: [3, 1, ReportKind.timeout] });
  expect(run.reports.slice(1)).toMatchObject([
    { task: { id: 2 }, kind: "lost", started: true, death: { reason: "its thread ended", lastLines: [] } },
    { task: { id: 3 }, kind: "timeout" },
  ]);
  expect(run.dispatcher.load("w-1")).toBe(0);
  worker.opensLane();
  expect(worker.lanes).toEqual([[], [4]]);
  const death = { reason: "a neighbour was ended", outOfMemory: false, deliberate: true };
  worker.laneEnds(1, 0, { death });
  expect(run.worker("w-2").lanes).toEqual([[4]]);
});

test("a thread in which nothing can begin fails what waited for it, and says why", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  run.dispatcher.submit([engineTask(1)]);
  worker.laneEnds(0, 0, { unusable: "It ends at once." });
  expect(run.reports).toMatchObject([{ kind: "failure", error: { message: "It ends at once." } }]);
});

/* ------------------------------------------------------------------------------------------------- cancellation */

test("what was cancelled at a worker and had not begun comes back, and has its end; the others run", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  const tasks = shortTasks(range(1, 3));
  run.dispatcher.submit(tasks);
  expect(run.dispatcher.cancel(tasks[1]!, 500)).toBe(false);
  expect(worker.cancelled).toMatchObject([{ id: 2, end: 3 }]);
  worker.returns(0, { from: 1, end: 3 });
  expect(run.reports).toMatchObject([{ task: { id: 2 }, kind: "cancelled" }]);
  expect(run.loads.at(-1)).toEqual(["w-1", run.dispatcher.load("w-1")]);
  worker.ends(0);
  expect(worker.lanes).toEqual([[3]]);
});

test("a task that is cancelled while it waits is forgotten; one at a worker is ended there", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  const [first, second, third] = engineTasks([1, 2, 3]);
  run.dispatcher.submit([first!, second!, third!]);
  expect(run.dispatcher.cancel(second!, 500)).toBe(true);
  expect(run.dispatcher.cancel(first!, 500)).toBe(false);
  expect(worker.cancelled).toEqual([{ lane: 0, id: 1, attempt: 1, end: 1, graceMs: 500 }]);
  worker.ends(0, ReportKind.cancelled, null);
  expect(worker.lanes).toEqual([[3]]);
});

test("a later attempt of a task that was cancelled here runs", () => {
  using run = new DispatcherRun();
  const task = engineTask(1);
  run.dispatcher.submit([task]);
  run.dispatcher.cancel(task, 0);
  run.dispatcher.submit([{ ...task, attempt: 2 }]);
  const worker = run.worker("w-1");
  worker.ends(0);
  expect(run.reports).toMatchObject([{ task: { id: 1 }, attempt: 2 }]);
});

/* ---------------------------------------------------------------------------------------------------- nonsense */

test("reports of old attempts, of other workers' tasks and of unknown tasks are ignored", () => {
  using run = new DispatcherRun();
  const [owner, stranger] = [run.worker("w-1"), run.worker("w-2")];
  run.dispatcher.submit([engineTask(1, { attempt: 2 })]);
  const { success: kind } = ReportKind;
  owner.says(0, [
    { id: 1, attempt: 1, kind },
    { id: 99, attempt: 1, kind },
  ]);
  owner.says(9, []);
  stranger.says(0, [{ id: 1, attempt: 2, kind }]);
  run.dispatcher.started("w-2", [1, 2]);
  run.dispatcher.started("w-1", [1, 1, 7]);
  run.dispatcher.returned("w-2", { lane: 0, from: 0, end: 9 });
  run.dispatcher.returned("w-1", { lane: 0, from: 1, end: 9 });
  run.dispatcher.returned("w-1", { lane: 7, from: 0, end: 9 });
  stranger.laneEnds(0, 1);
  run.dispatcher.reported("gone", 0, new Uint8Array());
  expect([run.starts, run.reports]).toEqual([[], []]);
  expect(owner.lanes).toEqual([[1]]);

  owner.ends(0);
  owner.says(0, [{ id: 1, attempt: 2, kind }]);
  expect(run.reports).toHaveLength(1);
});

test("a worker that reports what cannot be read is told so, and its task is lost with it", () => {
  using run = new DispatcherRun();
  const worker = run.worker("w-1");
  run.dispatcher.submit([engineTask(1)]);
  const nowhere = [1, "../../etc/passwd", 10];
  expect(() => worker.ends(0, ReportKind.success, nowhere)).toThrow();
  expect(run.reports).toEqual([]);
  run.dispatcher.removeWorker("w-1", DEATH);
  expect(run.reports).toMatchObject([{ kind: "lost", task: { id: 1 } }]);
});

test("a task goes to the worker that holds most of what it needs, if that one has room", () => {
  using run = new DispatcherRun();
  const [first, second, third] = [run.worker("w-1"), run.worker("w-2"), run.worker("w-3")];
  const blob = (id: string, bytes: number) => [1, id, bytes];
  run.dispatcher.submit(engineTasks([1, 2, 3]));
  first.ends(0, ReportKind.success, blob("w-1-1-a-1", 5_000_000));
  second.ends(0, ReportKind.success, blob("w-2-1-a-1", 2_000_000));
  third.ends(0, ReportKind.success, blob("w-3-1-a-1", 3_000_000));
  const made = new Map(run.reports.map(({ worker, value }) => [worker, { value }]));
  const needing = (id: number, ...workers: string[]) =>
    engineTask(id, { dependencies: workers.map((worker) => made.get(worker)!) });
  run.dispatcher.submit([needing(4, "w-3"), needing(5, "w-2", "w-1"), needing(6, "w-1")]);
  expect([first.lanes, second.lanes, third.lanes]).toEqual([[[5]], [[6]], [[4]]]);
});
