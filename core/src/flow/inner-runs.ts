import { AsyncLocalStorage } from "node:async_hooks";
import { withDeadline } from "../base/wait.ts";
import { contextStorage } from "../context/context.ts";

/** Something that a run is inside of: the run ends with it. */
export interface Enclosure {
  /** Fires when it ends, or is about to. */
  readonly signal: AbortSignal;
  /** Why the run ends then: `the flow "outer", inside which it ran, failed`. */
  readonly why: () => string;
}

/** A flow between its start and its end, as the flow sees it that it runs in. */
interface InnerRun {
  readonly flowName: string;
  readonly ended: PromiseWithResolvers<void>;
}

/** A run that is cancelled has so long to end, in milliseconds; each part of that has a deadline of its own. */
const END_MS = 180_000;

/** Both copies of this module, if there are two in one process, share one storage. */
const KEY = Symbol.for("muster.inner-runs/1");
const holder = globalThis as { [KEY]?: AsyncLocalStorage<InnerRuns> };
holder[KEY] ??= new AsyncLocalStorage<InnerRuns>();
const storage: AsyncLocalStorage<InnerRuns> = holder[KEY];

/** The flows that run inside a flow: begun by its function, or by tasks of it that run in this thread. None outlives it. */
export class InnerRuns {
  readonly #flowName: string;
  readonly #controller = new AbortController();
  readonly #running = new Set<InnerRun>();
  #why = "";
  #isOver = false;

  /** @param signal fires when the flow is cancelled */
  constructor(flowName: string, signal: AbortSignal) {
    this.#flowName = flowName;
    const onAbort = (): void => this.cancel("was cancelled");
    if (signal.aborted) onAbort();
    else signal.addEventListener("abort", onAbort, { once: true });
  }

  /** Calls the flow's function: what begins in it, and in what it begins, is inside. */
  inside<T>(work: () => T): T {
    return storage.run(this, work);
  }

  /** Ends those that run, and any that begin from now on. */
  cancel(what: "failed" | "was cancelled" | "ended"): void {
    if (this.#controller.signal.aborted) return;
    this.#why = `the flow "${this.#flowName}", inside which it ran, ${what}`;
    this.#controller.abort();
  }

  /**
   * The flow's function has ended, and whatever it waited for: cancels what it left running.
   * @returns the names of the flows that nobody had cancelled before
   */
  leave(): readonly string[] {
    if (this.#controller.signal.aborted) return [];
    const left = [...this.#running].map(({ flowName }) => flowName);
    if (left.length > 0) this.cancel("ended");
    // What begins later, on a timer that the function left behind, is on its own.
    else this.#isOver = true;
    return left;
  }

  /** Resolves when none runs any more. @throws DeadlineError */
  async ended(): Promise<void> {
    for (const { flowName, ended } of this.#running)
      await withDeadline(ended.promise, `The end of the inner flow "${flowName}"`, { timeoutMs: END_MS });
  }

  /** A flow begins: what ends it, and what to call when it has ended. */
  enter(flowName: string): { readonly enclosures: readonly Enclosure[]; readonly left: () => void } {
    if (this.#isOver) return { enclosures: [], left: () => {} };
    const run = { flowName, ended: Promise.withResolvers<void>() };
    this.#running.add(run);
    return {
      enclosures: [{ signal: this.#controller.signal, why: () => this.#why }],
      left: () => {
        this.#running.delete(run);
        run.ended.resolve();
      },
    };
  }
}

/** A flow begins: what it is inside of, and what to call when it has ended. */
export function enterFlow(flowName: string): ReturnType<InnerRuns["enter"]> {
  const { enclosures, left } = storage.getStore()?.enter(flowName) ?? { enclosures: [], left: () => {} };
  const { taskName, signal } = contextStorage.getStore() ?? {};
  if (taskName === undefined || signal === undefined) return { enclosures, left };
  const task = { signal, why: () => `the task "${taskName}", inside which it ran, was ended` };
  return { enclosures: [task, ...enclosures], left };
}
