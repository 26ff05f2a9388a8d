import { checkNumber, checkOptionNames } from "../base/check-options.ts";
import { InvalidOptionError } from "../base/errors.ts";

/** How many workers an adaptive cluster may have, and how fast it follows the backlog. */
export interface AdaptOptions {
  /** Never fewer workers than this. 0: none while there is nothing to do. @default 0 */
  readonly minimum?: number;
  /**
   * Never more workers than this. Must be finite: a backlog can be without end, a bill should not be.
   * @default what the cluster class says (LocalCluster: the machine's cores), else 10; never below `minimum`
   */
  readonly maximum?: number;
  /**
   * Milliseconds in which the backlog should be done: enough workers are asked for. Where a boot takes longer
   * than this, the boot time counts.
   * @default 5000
   */
  readonly targetDurationMs?: number;
  /** Milliseconds between two looks at the backlog. @default 1000 */
  readonly intervalMs?: number;
  /** Milliseconds that more workers must be wanted before they are asked for. @default 0 */
  readonly upDelayMs?: number;
  /**
   * Milliseconds that fewer workers must be wanted before any is retired. Never less than a boot takes.
   * @default 30000; 60000 while the flow goes on but has nothing to run, as between two of its phases
   */
  readonly downDelayMs?: number;
  /** Workers to begin with, before there is a backlog. @default minimum */
  readonly initial?: number;
}

/** `AdaptOptions`, checked and complete. */
export interface AdaptPolicy {
  readonly minimum: number;
  readonly maximum: number;
  readonly initial: number;
  readonly targetDurationMs: number;
  readonly intervalMs: number;
  readonly upDelayMs: number;
  readonly downDelayMs: number;
  /** In place of `downDelayMs` while the flow goes on and nothing is ready or running. */
  readonly idleDelayMs: number;
}

const NAMES: readonly (keyof AdaptOptions)[] = [
  "minimum",
  "maximum",
  "targetDurationMs",
  "intervalMs",
  "upDelayMs",
  "downDelayMs",
  "initial",
];

/**
 * @param defaultMaximum the maximum where the user gave none
 * @throws InvalidOptionError
 */
export function resolveAdaptOptions(options: AdaptOptions, defaultMaximum: number): AdaptPolicy {
  const where = "adaptKwargs";
  checkOptionNames(options, NAMES, { where, path: where });
  const count = (name: "minimum" | "maximum" | "initial", fallback: number, min: number): number =>
    checkNumber(options[name], fallback, { option: `${where}.${name}`, min, whole: true });
  const milliseconds = (
    name: Exclude<keyof AdaptOptions, "minimum" | "maximum" | "initial">,
    fallback: number,
  ) =>
    checkNumber(options[name], fallback, { option: `${where}.${name}`, min: name === "intervalMs" ? 1 : 0 });

  const minimum = count("minimum", 0, 0);
  const maximum = count("maximum", Math.max(defaultMaximum, minimum), 1);
  const initial = count("initial", minimum, 0);
  if (minimum > maximum) throw disagree("minimum", minimum, `more than adaptKwargs.maximum, ${maximum}`);
  if (initial < minimum) throw disagree("initial", initial, `less than adaptKwargs.minimum, ${minimum}`);
  if (initial > maximum) throw disagree("initial", initial, `more than adaptKwargs.maximum, ${maximum}`);
  return {
    minimum,
    maximum,
    initial,
    targetDurationMs: milliseconds("targetDurationMs", 5_000),
    intervalMs: milliseconds("intervalMs", 1_000),
    upDelayMs: milliseconds("upDelayMs", 0),
    downDelayMs: milliseconds("downDelayMs", 30_000),
    idleDelayMs: milliseconds("downDelayMs", 60_000),
  };
}

function disagree(name: string, value: number, how: string): InvalidOptionError {
  return new InvalidOptionError(`adaptKwargs.${name}`, `adaptKwargs.${name} is ${value}, ${how}.`);
}
