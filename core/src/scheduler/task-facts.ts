import type { CallSite } from "../contracts/code-unit.ts";
import type { TaskPolicy } from "./run-function.ts";

/** What a task is, apart from how it is typed and called. */
export interface TaskFacts {
  readonly taskName: string;
  readonly fn: (...args: never[]) => unknown;
  readonly policy: TaskPolicy;
  /** Where it is defined; undefined for a function that is no task. */
  readonly site: CallSite | undefined;
}
