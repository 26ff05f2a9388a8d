/**
 * `launching`: asked for. `booting`: its process runs. `ready`: connected, takes tasks. `draining`: finishes
 * what it runs, then leaves. `stopping`: the provider was told to take it away. `gone`: it never comes back.
 */
export type WorkerState = "launching" | "booting" | "ready" | "draining" | "stopping" | "gone";

/**
 * What moves a worker: its process was seen to run (`started`), it connected (`joined`), it is no longer wanted
 * (`retired`), it has to be taken away (`stopped`), it is not there any more (`ended`).
 */
export type WorkerSignal = "started" | "joined" | "retired" | "stopped" | "ended";

/** The life of a worker. A signal that a state does not list changes nothing: news may come late or twice. */
export const WORKER_TRANSITIONS: Readonly<
  Record<WorkerState, Readonly<Partial<Record<WorkerSignal, WorkerState>>>>
> = {
  launching: { started: "booting", joined: "ready", stopped: "stopping", ended: "gone" },
  booting: { joined: "ready", stopped: "stopping", ended: "gone" },
  ready: { retired: "draining", stopped: "stopping", ended: "gone" },
  draining: { stopped: "stopping", ended: "gone" },
  stopping: { ended: "gone" },
  gone: {},
};

/** The state after `signal`; the same one if the signal says nothing new. */
export function nextState(state: WorkerState, signal: WorkerSignal): WorkerState {
  return WORKER_TRANSITIONS[state][signal] ?? state;
}

/** Whether a worker does not take tasks yet, but will. */
export function isBooting(state: WorkerState): boolean {
  return state === "launching" || state === "booting";
}

/** Whether a worker counts as one of those that are wanted. */
export function isLive(state: WorkerState): boolean {
  return isBooting(state) || state === "ready";
}
