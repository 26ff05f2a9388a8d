import { DeadlineError, InvalidOptionError, MusterError, NotSerializableError } from "../base/errors.ts";
import { delay, withDeadline } from "../base/wait.ts";
import { IMPORT_STOP, provideModules } from "../code/injected.ts";
import { context } from "../context/context.ts";
import { unmapped } from "../scheduler/inputs.ts";
import { exponential } from "../scheduler/retry.ts";
import { RemoteTaskError } from "../wire/errors.ts";
import { task } from "./task.ts";

/**
 * A flow as a worker knows it: its file is imported for the tasks in it, and a program that runs the flow at its top
 * level stops there.
 */
function flow(first: unknown) {
  const name = typeof first === "object" && first !== null && "name" in first ? first.name : String(first);
  return {
    name,
    executor: undefined,
    run(): Promise<never> {
      const stopImport = (globalThis as { [IMPORT_STOP]?: () => void })[IMPORT_STOP];
      if (stopImport === undefined) {
        throw new MusterError(
          "CODE",
          `The flow "${name}" was run inside a task. A task calls functions, and other tasks as functions.`,
        );
      }
      stopImport();
      return new Promise(() => {});
    },
  };
}

/** Gives the user's code in this thread what it imports from `@muster/core`. What is not here exists in the driver alone. */
export function provideUserApi(): void {
  const core = {
    context,
    DeadlineError,
    delay,
    exponential,
    flow,
    InvalidOptionError,
    MusterError,
    NotSerializableError,
    RemoteTaskError,
    task,
    unmapped,
    withDeadline,
  };
  provideModules(new Map([["@muster/core", core]]));
}
