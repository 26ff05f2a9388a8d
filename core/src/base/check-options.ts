import { InvalidOptionError } from "./errors.ts";
import { nearName } from "./near-name.ts";

/** What a number has to be. */
export interface NumberRule {
  /** As the user wrote it: `"adaptKwargs.minimum"`. */
  readonly option: string;
  readonly min: number;
  /** @default false */
  readonly whole?: boolean;
  /** Whether Infinity is a value. @default false */
  readonly infinite?: boolean;
}

/** A number that has to be given. @throws InvalidOptionError */
export function requireNumber(value: unknown, rule: NumberRule): number {
  return checkNumber(value ?? Number.NaN, 0, rule);
}

/** `value` as a number, or `fallback` when it is undefined. @throws InvalidOptionError */
export function checkNumber(value: unknown, fallback: number, rule: NumberRule): number {
  if (value === undefined) return fallback;
  const isNumber = typeof value === "number" && !Number.isNaN(value);
  const finite = Number.isFinite(value) || (rule.infinite === true && value === Number.POSITIVE_INFINITY);
  const fits = isNumber && finite && value >= rule.min && (rule.whole !== true || Number.isInteger(value));
  if (fits) return value;
  const kind = rule.whole === true ? "whole number" : "number";
  const bound = rule.infinite === true ? ", or Infinity" : "";
  throw new InvalidOptionError(
    rule.option,
    `${rule.option} must be a ${kind} of at least ${rule.min}${bound}, but it is ${show(value)}.`,
  );
}

/** `value` as true or false, or `fallback` when it is undefined. @throws InvalidOptionError */
export function checkBoolean(value: unknown, fallback: boolean, option: string): boolean {
  if (value === undefined) return fallback;
  if (typeof value === "boolean") return value;
  throw new InvalidOptionError(option, `${option} must be true or false, but it is ${show(value)}.`);
}

/** `value` as a text, or undefined. @throws InvalidOptionError */
export function checkText(value: unknown, option: string): string | undefined {
  if (value === undefined || typeof value === "string") return value;
  throw new InvalidOptionError(option, `${option} must be a text, but it is ${show(value)}.`);
}

/** Names to amounts of at least 0: `{ GPU: 1 }`. @throws InvalidOptionError */
export function checkResources(value: unknown, option: string): Readonly<Record<string, number>> {
  const entries = Object.entries(checkRecord(value, option));
  return Object.fromEntries(
    entries.map(([name, amount]) => [name, checkNumber(amount, 0, { option: `${option}.${name}`, min: 0 })]),
  );
}

/** Names to strings, as environment variables are. @throws InvalidOptionError */
export function checkEnv(value: unknown, option: string): Readonly<Record<string, string>> {
  const entries = Object.entries(checkRecord(value, option));
  for (const [name, text] of entries) {
    if (typeof text === "string") continue;
    throw new InvalidOptionError(
      `${option}.${name}`,
      `${option}.${name} must be a string, since it becomes an environment variable, but it is ${show(text)}.`,
    );
  }
  return Object.fromEntries(entries) as Record<string, string>;
}

function checkRecord(value: unknown, option: string): object {
  if (value === undefined) return {};
  if (typeof value === "object" && value !== null && !Array.isArray(value)) return value;
  throw new InvalidOptionError(option, `${option} must be an object, but it is ${show(value)}.`);
}

/** All options that there are, by name: the type makes sure that none is missing. */
export type OptionNames<Options> = Readonly<Record<keyof Options, true>>;

/**
 * Refuses what is misspelt: an option that nobody reads would be ignored silently.
 * @param known the names of all options, as a list or as keys
 * @param where whose options they are, for the message: `LocalCluster`
 * @param path what goes before the option in the error's `option`, as in `adaptKwargs.minimum`
 * @throws InvalidOptionError that names the option which was probably meant
 */
export function checkOptionNames(
  options: unknown,
  known: readonly string[] | Readonly<Record<string, true>>,
  { where, path }: { readonly where: string; readonly path?: string },
): void {
  if (typeof options !== "object" || options === null)
    throw new InvalidOptionError(
      path ?? "options",
      `${where} takes options as an object, not ${show(options)}.`,
    );
  const names = Array.isArray(known) ? (known as readonly string[]) : Object.keys(known);
  for (const name of Object.keys(options)) {
    if (names.includes(name)) continue;
    const near = nearName(name, names);
    const hint = near === undefined ? "." : `: did you mean "${near}"?`;
    const all = names.length === 0 ? "It takes none." : `It has: ${[...names].sort().join(", ")}.`;
    throw new InvalidOptionError(
      path === undefined ? name : `${path}.${name}`,
      `${where} has no option "${name}"${hint} ${all}`,
    );
  }
}

function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value);
  if (typeof value === "object" && value !== null) return Array.isArray(value) ? "an array" : "an object";
  if (typeof value === "function") return "a function";
  return String(value);
}
