import { MusterError, toError } from "../base/errors.ts";
import { randomIds } from "../base/ids.ts";
import { contextStorage } from "../context/context.ts";
import type { StateName } from "../events/event.ts";
import { EventLog } from "../events/event-log.ts";
import type { RunningExecutor } from "../executor/running-executor.ts";
import type { UnseenFailure } from "../scheduler/scheduler.ts";
import type { TaskRun } from "../scheduler/task-run.ts";
import { runInside } from "./current-run.ts";
import type { Flow, RunOptions } from "./flow.ts";
import { flowScope } from "./flow-scope.ts";
import { type Interrupt, onInterrupt } from "./interrupts.ts";
import { State } from "./state.ts";
import { failedTask, TaskStateCounter } from "./task-states.ts";

/** Why a run was cancelled, and how often it was asked for. */
class Cancellation {
  readonly #controller = new AbortController();
  readonly #endings: (() => void)[] = [];
  #executor: RunningExecutor | undefined;
  reason: string | undefined;

  constructor(options: { signal: AbortSignal | undefined; handleSignals: boolean }) {
    const { signal } = options;
    if (signal !== undefined) {
      const onAbort = (): void => this.cancel("the caller's signal was aborted");
      if (signal.aborted) onAbort();
      signal.addEventListener("abort", onAbort, { once: true });
      this.#endings.push(() => signal.removeEventListener("abort", onAbort));
    }
    if (options.handleSignals) {
      const name = (interrupt: Interrupt): string => (interrupt === "SIGINT" ? "Ctrl-C" : interrupt);
      this.#endings.push(
        onInterrupt((interrupt, count) => this.cancel(`${name(interrupt)} was received`, count > 1)),
      );
    }
  }

  get signal(): AbortSignal {
    return this.#controller.signal;
  }

  /** From now on there are tasks to end. */
  set executor(executor: RunningExecutor) {
    this.#executor = executor;
    if (this.reason !== undefined) executor.cancel(this.reason);
  }

  cancel(reason: string, force = false): void {
    this.reason ??= reason;
    this.#controller.abort(new MusterError("CANCELLED", `The run was cancelled: ${this.reason}.`));
    this.#executor?.cancel(this.reason, force ? { graceMs: 0 } : {});
  }

  close(): void {
    for (const end of this.#endings) end();
  }
}

/** Runs a flow from its start to its final state, and leaves nothing behind. */
export async function runFlow<P, R>(flow: Flow<P, R>, options: RunOptions<P>): Promise<State<R>> {
  const { parameters, logLevel = "info" } = options;
  const image = options.context?.image ?? process.env["MUSTER__CONTEXT__IMAGE"];
  const events = new EventLog();
  if (options.onEvent !== undefined) events.subscribe(options.onEvent);
  const counter = new TaskStateCounter(events);
  const cancellation = new Cancellation({
    signal: options.signal,
    handleSignals: options.handleSignals ?? true,
  });
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
    const executor = await flow.executor.start({
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
    cancellation.executor = executor;
    try {
      return await runFunction(flow, parameters as P, executor);
    } finally {
      failedRuns = executor.scheduler.counts.failed;
      await executor.close(cancellation.reason === undefined ? {} : { graceMs: 0 });
    }
  };

  try {
    let ended: State<R>;
    try {
      ended = await contextStorage.run(scope, execute);
    } catch (thrown) {
      ended = new State<R>("Failed", { error: toError(thrown) });
    }
    const { reason } = cancellation;
    const taskStates = counter.finish(failedRuns.map(failedTask));
    const state = new State<R>(reason === undefined ? ended.name : "Cancelled", {
      ...ended,
      ...(reason !== undefined && { message: `The run was cancelled: ${reason}.`, result: undefined }),
      taskStates,
    });
    const replaced = await contextStorage.run(scope, async () =>
      flow.terminalStateHandler?.(flow, state, taskStates),
    );
    const final = replaced ?? state;
    tell(final.name, final.message);
    return final;
  } finally {
    cancellation.close();
  }
}

/** Calls the flow's function, waits for all that it submitted, and judges. */
async function runFunction<P, R>(
  flow: Flow<P, R>,
  parameters: P,
  executor: RunningExecutor,
): Promise<State<R>> {
  const { scheduler } = executor;
  try {
    const returned = await runInside(executor, async () => flow.fn(parameters));
    const result = (await executor.wait(returned)) as R;
    scheduler.closeSubmissions();
    await scheduler.idle();
    const unseen = scheduler.unseenFailures();
    if (unseen.length === 0) return new State("Success", { result });
    return new State<R>(unseen.some(({ state }) => state === "Crashed") ? "Crashed" : "Failed", {
      message: describeFailures(unseen),
      error: unseen[0]!.error,
    });
  } catch (thrown) {
    // What the flow began and will not look at any more is not left running.
    scheduler.cancelAll("the flow failed");
    await scheduler.idle();
    const error = toError(thrown);
    return new State<R>(error instanceof MusterError && error.code === "WORKER_LOST" ? "Crashed" : "Failed", {
      error,
    });
  }
}

function describeFailures(failures: readonly UnseenFailure[]): string {
  const first = failures[0]!;
  const what =
    failures.length === 1
      ? `Task "${first.name}"`
      : `${failures.length} tasks, the first of them "${first.name}",`;
  return `${what} did not succeed: ${first.error?.message ?? first.state}`;
}
