import { statSync } from "node:fs";
import { flow, type MusterEvent, type StateName, type TaskFuture } from "@muster/core";
import { containersOf } from "../contract/docker-containers.ts";
import { processesWith } from "../support/left-behind.ts";
import type { LedgerFile } from "./ledger-file.ts";
import { type Place, placeOf } from "./places.ts";
import type { PlannedTask, Schedule, Step } from "./schedule.ts";
import { bytesOf, type Order, type Value, work } from "./work.ts";

/** A task of a life, and what became of it as the driver saw it. */
interface TaskRecord {
  readonly order: Order;
  readonly inputs: readonly TaskRecord[];
  readonly states: StateName[];
  /** How long the ledger was when the driver had its result. */
  reportedAt: number | undefined;
  /** Whether its future settled, and with what. */
  settled?: { readonly value: Value | undefined } | { readonly error: unknown };
}

const FINAL: ReadonlySet<StateName> = new Set([
  ...(["Success", "Failed", "Crashed", "Cancelled", "UpstreamFailed"] as const),
]);

export interface Life {
  readonly name: string;
  readonly place: Place;
  readonly schedule: Schedule;
  readonly ledger: LedgerFile;
}

/** How a life was. */
export interface LifeReport {
  /** A sentence each, then all that happened; empty: all was well. */
  readonly wrong: readonly string[];
  readonly tasks: number;
  readonly kills: number;
  /** Attempts beyond the first of each task. */
  readonly repeats: number;
}

/** One run from its start to its end, in which a schedule happens. */
export async function live({ name, place, schedule, ledger }: Life): Promise<LifeReport> {
  const tasks: TaskRecord[] = [];
  const history: string[] = [];
  const note = (line: string): void => void history.push(`${Math.round(performance.now())} ${line}`);
  const cancelling = new AbortController();
  const { executor, cluster } = placeOf(place, schedule, ledger.directory);
  let runId = "";
  let kills = 0;
  let settledAtKill = 0;

  const onEvent = (event: MusterEvent): void => {
    if (event.type === "flow") runId = event.flowRunId;
    if (event.type === "worker") note(`${event.worker} ${event.state} ${event.reason ?? ""}`);
    if (event.type !== "task") return;
    const record = tasks[event.id - 1]!;
    record.states.push(event.state);
    if (event.state !== "Running") note(`${record.order.key} ${event.state} ${event.message ?? ""}`);
    if (event.state === "Success") record.reportedAt ??= statSync(ledger.path).size;
  };

  const submit = (plan: PlannedTask, futures: TaskFuture<Value | undefined>[]): void => {
    const { inputs: back, ...what } = plan;
    const chosen = back.map((each) => tasks.length - each).filter((index) => index >= 0);
    const order: Order = { ...what, key: `${name}.${tasks.length + 1}`, ledger: ledger.path };
    const record: TaskRecord = {
      order,
      inputs: chosen.map((index) => tasks[index]!),
      states: [],
      reportedAt: undefined,
    };
    tasks.push(record);
    const future = work(
      order,
      chosen.map((index) => futures[index]!),
    );
    futures.push(future);
    future.then(
      (value) => {
        record.settled = { value };
      },
      (error: unknown) => {
        record.settled = { error };
      },
    );
  };

  const act = async (step: Step, futures: TaskFuture<Value | undefined>[]): Promise<void> => {
    switch (step.type) {
      case "submit":
        for (const plan of step.tasks) submit(plan, futures);
        return;
      case "wait":
        await futures[futures.length - step.back]?.then(undefined, () => undefined);
        return;
      case "scale":
        cluster()?.scale(step.workers);
        return;
      case "kill": {
        await new Promise((resolve) => setTimeout(resolve, step.afterMs));
        const workers = processesWith(`MUSTER_RUN_ID=${runId}`, "MUSTER_WORKER_ID");
        const victim = workers[step.which % Math.max(workers.length, 1)];
        const settledNow = tasks.filter(({ settled }) => settled !== undefined).length;
        // A pool gives up after three processes in a row that end before they are there.
        if (victim === undefined || (place === "processes" && settledNow === settledAtKill)) return;
        settledAtKill = settledNow;
        if (kill(victim)) kills++;
        return;
      }
      case "pause":
        await new Promise((resolve) => setTimeout(resolve, step.ms));
    }
  };

  const lives = flow({ name: "ledger", executor }, async () => {
    const futures: TaskFuture<Value | undefined>[] = [];
    for (const step of schedule.steps) {
      note(step.type === "submit" ? `submit ${step.tasks.length}` : Object.values(step).join(" "));
      // Nobody waits for tasks of a cluster without workers.
      if (step.type === "wait") cluster()?.scale(Math.max(cluster()!.wanted, 1));
      await act(step, futures);
    }
    cluster()?.scale(Math.max(cluster()!.wanted, 1));
    note(schedule.ending);
    if (schedule.ending === "cancel") cancelling.abort();
    if (schedule.ending === "settle") await Promise.allSettled(futures);
  });
  const state = await lives.run({ onEvent, signal: cancelling.signal });
  note(`the run is ${state.name} ${state.message}`);
  // What settles with the end of the run has had its chance to be heard.
  await new Promise((resolve) => setImmediate(resolve));

  const wrong = tasks.flatMap((record) => wrongWith(record, schedule, ledger));
  if (schedule.ending === "cancel" && state.name !== "Cancelled")
    wrong.push(`the run was cancelled, and is ${state.name}`);
  for (const pid of processesWith(`MUSTER_RUN_ID=${runId}`)) wrong.push(`process ${pid} is left`);
  if (place === "docker")
    wrong.push(...(await containersOf(runId)).map((container) => `${container} is left`));
  if (wrong.length > 0) {
    wrong.unshift(`--- ${name}: ${JSON.stringify({ ...schedule, steps: schedule.steps.length })}`);
    wrong.push("--- what happened, and when (ms)", ...history);
  }
  const repeats =
    ledger.count("begin ") - tasks.filter(({ order }) => ledger.has(`begin ${order.key} `)).length;
  return { wrong, tasks: tasks.length, kills, repeats };
}

function wrongWith(record: TaskRecord, { ending }: Schedule, ledger: LedgerFile): string[] {
  const { order, states, settled, reportedAt } = record;
  const { key, fails, size } = order;
  const wrong: string[] = [];
  const state = states.at(-1);
  if (state === undefined || !FINAL.has(state)) wrong.push(`is ${state ?? "nothing"} at the end`);
  if (states.filter((each) => FINAL.has(each)).length > 1) wrong.push(`was ${states.join(", ")}`);
  if (settled === undefined) wrong.push("has a future that did not settle");
  const upstream = record.inputs.some(({ states }) => states.at(-1) !== "Success");
  const expected: StateName = upstream ? "UpstreamFailed" : fails ? "Failed" : "Success";
  if (state !== expected && !(ending !== "settle" && state === "Cancelled"))
    wrong.push(`is ${state}, and should be ${expected}`);
  if (state === "Success" && settled !== undefined) {
    if ("error" in settled) wrong.push(`is Success, and its future threw ${String(settled.error)}`);
    else if (!isRight(settled.value, record, size)) wrong.push("has a wrong value");
    if (!ledger.has(`end ${key} `)) wrong.push("is Success, and never ran to its end");
  }
  if (reportedAt !== undefined && ledger.lastOf(`begin ${key} `) >= reportedAt)
    wrong.push("ran again after its result had arrived");
  if (ledger.has(`twice ${key} `)) wrong.push("ran twice at once");
  return wrong.map((what) => `${key} ${what}`);
}

function isRight(value: Value | undefined, { order, inputs }: TaskRecord, size: number | undefined): boolean {
  if (size === undefined || value === undefined) return value === size;
  const given = inputs.map(({ order }) => (order.size === undefined ? "none" : order.key));
  return (
    value.key === order.key &&
    value.inputs.join() === given.join() &&
    Buffer.compare(value.bytes, bytesOf(order.key, size)) === 0
  );
}

/** `false` when it had ended by itself meanwhile. */
function kill(pid: number): boolean {
  try {
    return process.kill(pid, "SIGKILL");
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === "ESRCH") return false;
    throw error;
  }
}
