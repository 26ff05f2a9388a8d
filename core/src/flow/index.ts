export { type Context, context, type Logger } from "../context/context.ts";
export { type FutureArray, MappedFuture, TaskFuture } from "../scheduler/future.ts";
export { type Input, type Inputs, type Resolved, type Unmapped, unmapped } from "../scheduler/inputs.ts";
export type { TaskOptions } from "../scheduler/task-options.ts";
export { Flow, type FlowOptions, flow, isFlow, type RunOptions, type TerminalStateHandler } from "./flow.ts";
export { State } from "./state.ts";
export { type Task, task } from "./task.ts";
export { type FailedTask, TaskStates } from "./task-states.ts";
