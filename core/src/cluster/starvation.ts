import type { Timer } from "../base/clock.ts";
import type { LogEvent } from "../contracts/event.ts";
import type { ClusterSession } from "./cluster-session.ts";

/** Between two looks, in milliseconds. */
const LOOK_MS = 1000;
/** So many looks in a row must find it: who scales down and up again is not told. */
const PATIENCE = 3;
const MAX_NAMES = 3;

export interface StarvationDeps {
  readonly session: ClusterSession;
  /** The name of the cluster. */
  readonly name: string;
  /** How many workers there can be without anybody asking for more. */
  readonly maximum: () => number;
  readonly emit: (event: LogEvent) => void;
}

/** Warns when tasks wait and nobody has asked for workers: else that looks like a flow that takes long. Once each time. */
export class StarvationWatch {
  readonly #deps: StarvationDeps;
  #looks = 0;
  #timer: Timer | undefined;

  constructor(deps: StarvationDeps) {
    this.#deps = deps;
    this.#lookLater();
  }

  stop(): void {
    this.#timer?.cancel();
  }

  #lookLater(): void {
    this.#timer = this.#deps.session.clock.after(LOOK_MS, () => this.#look(), { keepAlive: false });
  }

  #look(): void {
    const { session, maximum } = this.#deps;
    const ready = maximum() === 0 ? session.demand().ready : 0;
    this.#looks = ready === 0 ? 0 : this.#looks + 1;
    if (this.#looks === PATIENCE) this.#warn(ready);
    this.#lookLater();
  }

  #warn(ready: number): void {
    const { session, name, emit } = this.#deps;
    const names = session.waiting();
    const more = names.length > MAX_NAMES ? ", …" : "";
    const which = `${names
      .slice(0, MAX_NAMES)
      .map((each) => `"${each}"`)
      .join(", ")}${more}`;
    const tasks = ready === 1 ? "1 task waits" : `${ready} tasks wait`;
    const message = `The cluster "${name}" is to have no workers, and ${tasks} (${which}). Nothing goes on until somebody calls its scale() or adapt(); or give it \`workers\`, or the executor \`adaptKwargs\`.`;
    emit({ type: "log", at: session.clock.wallTime(), level: "warn", message });
  }
}
