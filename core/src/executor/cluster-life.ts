import type { MusterEvent } from "../contracts/event.ts";
import type { WorkerLink } from "../contracts/worker-link.ts";
import type { EventLog } from "../events/event-log.ts";

/** Has what becomes of a cluster and its workers logged as well, at level debug. */
export function logClusterLife(events: EventLog): void {
  events.subscribe((event) => {
    const message = lineOf(event);
    if (message !== undefined) events.emit({ type: "log", at: event.at, level: "debug", message });
  });
}

/** Has the lanes told of as workers that a pool gives to the run. */
export function tellOfLanes(
  link: Pick<WorkerLink, "subscribe"> & { readonly isEnding: boolean },
  events: EventLog,
): void {
  link.subscribe((event) => {
    if (event.type !== "joined" && event.type !== "left") return;
    const { id: worker } = event;
    const told = { type: "worker", at: Date.now(), worker } as const;
    if (event.type === "joined") events.emit({ ...told, state: "ready", slots: event.slots });
    else
      events.emit({ ...told, state: "gone", expected: event.drained || link.isEnding, reason: event.reason });
  });
}

function lineOf(event: MusterEvent): string | undefined {
  switch (event.type) {
    case "cluster": {
      const { cluster, state, durationMs, message } = event;
      return `cluster ${cluster}: ${state}${after(durationMs)}${because(message)}`;
    }
    case "worker": {
      const { worker, state, bootMs, reason } = event;
      return `worker ${worker}: ${state}${after(bootMs)}${because(reason)}`;
    }
    case "scaling":
      return `from ${event.from} to ${event.to} workers${because(event.reason)}`;
    default:
      return undefined;
  }
}

function after(ms: number | undefined): string {
  return ms === undefined ? "" : ` after ${Math.round(ms)} ms`;
}

function because(reason: string | undefined): string {
  return reason === undefined || reason === "" ? "" : `: ${reason}`;
}
