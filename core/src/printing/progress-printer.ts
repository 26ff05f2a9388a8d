import type { LogLevel, MusterEvent } from "../contracts/event.ts";
import type { Progress } from "../events/progress.ts";
import type { Colors } from "./colors.ts";

/** Shows how a run goes, while it goes. */
export interface ProgressPrinter extends Disposable {
  /** Takes notice of an event that `progress` has already recorded. Called for every event: must be cheap. */
  record(event: MusterEvent): void;
}

export interface ProgressPrinterOptions {
  readonly progress: Progress;
  readonly logLevel: LogLevel;
  readonly colors: Colors;
}
