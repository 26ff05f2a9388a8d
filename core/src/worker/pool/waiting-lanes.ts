import type { Mark } from "../../base/descendants.ts";
import { Lanes, type LanesOptions } from "../lanes.ts";

export interface WaitingLanesOptions {
  readonly workerId: string;
  readonly mark: Mark;
  readonly memoryLimit: number | undefined;
  /** Its thread cannot start. */
  readonly broken: (reason: string) => void;
}

/**
 * The task thread of a lane, started before anybody knows for which run: what a thread takes to start is then no part of
 * what a run waits for.
 */
export class WaitingLanes {
  readonly #lanes: Lanes;
  #used: LanesOptions | undefined;

  constructor({ workerId, mark, memoryLimit, broken }: WaitingLanesOptions) {
    const used = (): LanesOptions => this.#used!;
    this.#lanes = new Lanes({
      workerId,
      mark,
      ownsProcess: true,
      threads: 1,
      tasksPerThread: 1,
      memoryLimit,
      get cancelGraceMs() {
        return used().cancelGraceMs;
      },
      link: (lane) => used().link(lane),
      print: (stream, bytes, printed) => used().print!(stream, bytes, printed),
      sink: {
        started: (ids) => used().sink.started(ids),
        returned: (message) => used().sink.returned(message),
        reports: (lane, body) => used().sink.reports(lane, body),
        ended: (message) => this.#used?.sink.ended(message),
        broken: (reason) => (this.#used === undefined ? broken(reason) : this.#used.sink.broken(reason)),
        stuck: () => used().sink.stuck(),
        fetchBlob: (id) => used().sink.fetchBlob(id),
        storeBlob: (id) => used().sink.storeBlob(id),
      },
    });
  }

  /** Has them serve a worker from now on. */
  use(options: LanesOptions): Lanes {
    this.#used = options;
    return this.#lanes;
  }
}
