import { inspect } from "node:util";
import { InvalidOptionError, MusterError, toError } from "../base/errors.ts";
import { randomIds } from "../base/ids.ts";
import { withDeadline } from "../base/wait.ts";
import { contextStorage } from "../context/context.ts";
import type { StateName } from "../contracts/event.ts";
import { EventLog } from "../events/event-log.ts";
import type { RunningExecutor } from "../executor/running-executor.ts";
import { logPrinter } from "../printing/log-printer.ts";
import { type Failure, rootFailure } from "../scheduler/errors.ts";
import type { TaskRun } from "../scheduler/task-run.ts";
import { Cancellation } from "./cancellation.ts";
import { runInside } from "./current-run.ts";
import type { Flow, RunOptions } from "./flow.ts";
import { checkExecutor, checkRunOptions } from "./flow-options.ts";
import { flowScope } from "./flow-scope.ts";
import { enterFlow, InnerRuns } from "./inner-runs.ts";
import { guardOutput } from "./output-guard.ts";
import { isState, State } from "./state.ts";
import { failedTask, TaskStateCounter, type TaskStates } from "./task-states.ts";

/** An executor has so long to remove what it made, in milliseconds; each part of that has a deadline of its own. */
const CLOSE_MS = 180_000;

/** Runs a flow from its start to its final state, and leaves nothing behind. */
export async function runFlow<P, R>(flow: Flow<P, R>, options: RunOptions<P>): Promise<State<R>> {
  checkRunOptions(options, flow.name);
  checkExecutor(flow.executor, flow.name);
  const { parameters } = options;
  const logLevel = flow.executor.logLevel ?? options.logLevel ?? "info";
  const image = options.context?.image ?? process.env["MUSTER__CONTEXT__IMAGE"];
  const events = new EventLog();
  if (options.onEvent !== undefined) events.subscribe(options.onEvent);
  if (options.log ?? options.onEvent === undefined) events.subscribe(logPrinter(logLevel));
  const counter = new TaskStateCounter(events);
  const { enclosures, left } = enterFlow(flow.name);
  const cancellation = new Cancellation({
    signal: options.signal,
    enclosures,
    handleSignals: options.handleSignals ?? true,
  });
  const unguardOutput = guardOutput();
  const flowRunId = randomIds.next("run");
  const tell = (state: StateName, message?: string): void =>
    events.emit({ type: "flow", at: Date.now(), flowName: flow.name, flowRunId, state, message });
  const scope = flowScope({
    image,
    flowRunId,
    flowName: flow.name,
    parameters,
    signal: cancellation.signal,
    logLevel,
    events,
  });

  let failedRuns: readonly TaskRun[] = [];
  const execute = async (): Promise<State<R>> => {
    tell("Running");
    // What was cancelled before it began makes nothing that would have to be removed.
    if (cancellation.reason !== undefined) {
      // A program that runs one flow after another still hears of other things.
      await new Promise((resolve) => setImmediate(resolve));
      return cancelledState(cancellation.reason, undefined);
    }
    const starting = flow.executor.start({
      runId: flowRunId,
      flowName: flow.name,
      image,
      parameters,
      logLevel,
      events,
      signal: cancellation.signal,
      failFast: flow.failFast,
      flowSite: flow.site,
      unit: options.unit,
    });
    const executor = await cancellation.limit(starting).catch((error: unknown) => {
      // It may still come.
      starting.then((late) => late.close({ graceMs: 0 })).catch(() => {});
      throw error;
    });
    cancellation.executor = executor;
    const inner = new InnerRuns(flow.name, cancellation.signal);
    if (flow.failFast) cancelWithTasks(inner, events);
    const ended = await runFunction(flow, { parameters: parameters as P, executor, cancellation, inner });
    await endInner(inner, { flowName: flow.name, events });
    failedRuns = executor.scheduler.failed;
    try {
      const closing = executor.close(ended.name === "Cancelled" ? { graceMs: 0 } : {});
      await withDeadline(closing, "The close of the executor", { timeoutMs: CLOSE_MS });
    } catch (error) {
      // What the flow did is done: that not all could be removed after it does not undo it.
      const message = `The executor could not be closed: ${toError(error).message}`;
      events.emit({ type: "log", at: Date.now(), level: "error", message });
    }
    return ended;
  };
  const handle = async (state: State<R>, taskStates: TaskStates): Promise<State<R>> => {
    try {
      const handling = (async () => flow.terminalStateHandler?.(flow, state, taskStates))();
      const handled = (await cancellation.limit(handling)) ?? state;
      if (isState(handled)) return handled as State<R>;
      const what = inspect(handled, { depth: 0 });
      const message = `The flow's terminalStateHandler returned ${what}, which is no State. Return one, or nothing.`;
      const error = new InvalidOptionError("terminalStateHandler", message);
      return new State<R>("Failed", { error, taskStates });
    } catch (thrown) {
      const error = toError(thrown);
      if (cancellation.isCause(error)) {
        const message = `${error.message} The flow's terminalStateHandler did not end.`;
        return new State<R>("Cancelled", { message, error: state.error ?? error, taskStates });
      }
      const message = `The flow's terminalStateHandler threw: ${error.message}`;
      return new State<R>("Failed", { message, error, taskStates });
    }
  };

  try {
    const ended = await contextStorage
      .run(scope, execute)
      .catch((thrown: unknown) => failedState<R>(toError(thrown), cancellation));
    const taskStates = counter.finish(failedRuns.map(failedTask));
    const state = new State<R>(ended.name, { ...ended, taskStates });
    const final = await contextStorage.run(scope, () => handle(state, taskStates));
    tell(final.name, final.message);
    return final;
  } finally {
    cancellation.close();
    left();
    unguardOutput();
  }
}

interface FunctionRun<P> {
  readonly parameters: P;
  readonly executor: RunningExecutor;
  readonly cancellation: Cancellation;
  readonly inner: InnerRuns;
}

/** Calls the flow's function, waits for all that it submitted, and judges. */
async function runFunction<P, R>(flow: Flow<P, R>, run: FunctionRun<P>): Promise<State<R>> {
  const { parameters, executor, cancellation, inner } = run;
  const { scheduler } = executor;
  try {
    const prepared = cancellation.prepareForBusyLoop();
    // Tasks of this very thread are as likely to keep it busy as the flow's own function.
    if (!scheduler.engine.needsCode) await prepared;
    const returned = await cancellation.limit(
      cancellation.call(() => inner.inside(() => runInside(executor, async () => flow.fn(parameters)))),
    );
    const result = (await cancellation.limit(executor.wait(returned))) as R;
    scheduler.closeSubmissions();
    await scheduler.idle();
    const unseen = scheduler.unseenFailures();
    const failures = rootFailures(unseen);
    if (cancellation.reason !== undefined) return cancelledState(cancellation.reason, failures[0]?.error);
    if (failures.length === 0) return new State("Success", { result });
    const crashed = unseen.some(({ state }) => state === "Crashed") || failures.some(wasLost);
    return new State<R>(crashed ? "Crashed" : "Failed", {
      message: describeFailures(failures),
      error: failures[0]!.error,
    });
  } catch (thrown) {
    // What the flow began and will not look at any more is not left running.
    inner.cancel("failed");
    scheduler.cancelAll("the flow failed");
    await scheduler.idle();
    return failedState(toError(thrown), cancellation);
  }
}

/** No inner flow outlives its outer one, which says so of those that nobody waited for. */
async function endInner(inner: InnerRuns, outer: { flowName: string; events: EventLog }): Promise<void> {
  const { flowName, events } = outer;
  for (const name of inner.leave()) {
    const message = `The flow "${name}" was still running when "${flowName}", inside which it ran, ended: it is cancelled. Await its run().`;
    events.emit({ type: "log", at: Date.now(), level: "warn", message });
  }
  try {
    await inner.ended();
  } catch (error) {
    events.emit({ type: "log", at: Date.now(), level: "error", message: toError(error).message });
  }
}

/** Inner flows end as all tasks do once one failed for good. */
function cancelWithTasks(inner: InnerRuns, events: EventLog): void {
  events.subscribe((event) => {
    if (event.type === "task" && (event.state === "Failed" || event.state === "Crashed"))
      inner.cancel("failed");
  });
}

function failedState<R>(thrown: Error, cancellation: Cancellation): State<R> {
  const { error = thrown } = rootFailure({ name: "", error: thrown });
  if (cancellation.reason !== undefined) return cancelledState(cancellation.reason, error);
  return new State<R>(wasLost({ error }) ? "Crashed" : "Failed", { error });
}

function wasLost({ error }: Pick<Failure, "error">): boolean {
  return error instanceof MusterError && error.code === "WORKER_LOST";
}

/** What really failed, each once: what did not run for it is no failure of its own. */
function rootFailures(unseen: readonly Failure[]): readonly Failure[] {
  const roots = unseen.map(rootFailure);
  return [...new Map(roots.map((root) => [root.error, root])).values()];
}

function cancelledState<R>(reason: string, error: Error | undefined): State<R> {
  return new State<R>("Cancelled", { message: `The run was cancelled: ${reason}.`, error });
}

function describeFailures(failures: readonly Failure[]): string {
  const first = failures[0]!;
  const what =
    failures.length === 1
      ? `Task "${first.name}"`
      : `${failures.length} tasks, the first of them "${first.name}",`;
  return `${what} did not succeed: ${first.error?.message ?? "nobody knows why"}`;
}
