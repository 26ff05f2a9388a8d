import { Haste, packTasks, withHaste } from "../wire/batches.ts";
import type { TaskBodies } from "../wire/envelope.ts";
import type { InFlight, LaneState } from "./in-flight.ts";
import type { WireValues } from "./wire-values.ts";

/** The most bytes of arguments in one message: far from the largest frame that a worker takes. */
const MAX_BATCH_BYTES = 4 * 2 ** 20;

export interface TaskSenderOptions {
  readonly values: Pick<WireValues, "argumentBytes" | "bodies">;
  /** Whether lanes keep all cores busy that this process could have. */
  readonly isCrowded: () => boolean;
  /** Called for a task that cannot be sent. */
  readonly cannotSend: (entry: InFlight, error: Error) => void;
}

/** Packs what goes to a lane into messages, with what the worker must know before. */
export class TaskSender {
  readonly #options: TaskSenderOptions;

  constructor(options: TaskSenderOptions) {
    this.#options = options;
  }

  /** Sends all that is about to be sent there. */
  send(lane: LaneState): void {
    const batch = lane.outgoing;
    if (batch.length === 0) return;
    lane.outgoing = [];
    const { values } = this.#options;
    let first = 0;
    let bytes = 0;
    for (let row = 0; row < batch.length; row++) {
      bytes += values.argumentBytes(batch[row]!.task);
      if (bytes < MAX_BATCH_BYTES && row < batch.length - 1) continue;
      this.#sendBatch(lane, batch.slice(first, row + 1));
      first = row + 1;
      bytes = 0;
    }
  }

  #sendBatch(lane: LaneState, batch: readonly InFlight[]): void {
    const { port, defined } = lane.worker;
    let bodies: TaskBodies;
    try {
      bodies = this.#options.values.bodies(batch);
    } catch (error) {
      this.#cannotSend(lane, batch, error as Error);
      return;
    }
    const waited = this.#options.isCrowded() ? Haste.soon : Haste.atOnce;
    const ids: number[] = [];
    const attempts: number[] = [];
    const functions: number[] = [];
    for (const entry of batch) {
      const { task, attempt } = entry;
      if (!defined.has(task.fn)) {
        defined.add(task.fn);
        port.define(task.fn);
      }
      ids.push(task.id);
      attempts.push(attempt);
      functions.push(withHaste(task.fn.index, task.isWaitedFor ? waited : Haste.none));
      entry.number = lane.sent;
      lane.sent = (lane.sent + 1) >>> 0;
    }
    port.tasks(lane.number, packTasks({ ids, attempts, functions }, bodies));
  }

  /** Arguments that many values are in are a file, for which there may be no room: that is the end of that task alone. */
  #cannotSend(lane: LaneState, batch: readonly InFlight[], error: Error): void {
    if (batch.length > 1) {
      for (const entry of batch) this.#sendBatch(lane, [entry]);
      return;
    }
    this.#options.cannotSend(batch[0]!, error);
  }
}
