import type { MusterEvent, StateName } from "@muster/core";

type EventOf<Type extends MusterEvent["type"]> = Extract<MusterEvent, { type: Type }>;

/** Hears all events of a run, and lets a test wait for one of them. */
export class Recorder {
  readonly events: MusterEvent[] = [];
  readonly #waiters = new Set<(event: MusterEvent) => void>();

  /** For `flow.run({ onEvent })`. */
  readonly onEvent = (event: MusterEvent): void => {
    this.events.push(event);
    for (const waiter of this.#waiters) waiter(event);
  };

  /** The first event of this type that fits, whether it came already or will come. */
  first<Type extends MusterEvent["type"]>(
    type: Type,
    fits: (event: EventOf<Type>) => boolean = () => true,
  ): Promise<EventOf<Type>> {
    const isIt = (event: MusterEvent): event is EventOf<Type> =>
      event.type === type && fits(event as EventOf<Type>);
    const found = this.events.find(isIt);
    if (found !== undefined) return Promise.resolve(found as EventOf<Type>);
    return new Promise((resolve) => {
      const waiter = (event: MusterEvent): void => {
        if (!isIt(event)) return;
        this.#waiters.delete(waiter);
        resolve(event as EventOf<Type>);
      };
      this.#waiters.add(waiter);
    });
  }

  of<Type extends MusterEvent["type"]>(type: Type): EventOf<Type>[] {
    return this.events.filter((event): event is EventOf<Type> => event.type === type);
  }

  /** The states that a task of this name went through, in order. */
  states(name: string): StateName[] {
    return this.of("task")
      .filter((event) => event.name === name)
      .map((event) => event.state);
  }

  /** What tasks logged through `context.logger`. */
  taskLogs(): EventOf<"log">[] {
    return this.of("log").filter((event) => event.task !== undefined);
  }

  /** Workers that ended although nobody wanted them to. */
  lostWorkers(): EventOf<"worker">[] {
    return this.of("worker").filter((event) => event.state === "gone" && event.expected !== true);
  }

  get flowRunId(): string {
    return this.of("flow")[0]!.flowRunId;
  }
}
