import { MusterError } from "../base/errors.ts";
import type { CallSite } from "../contracts/code-unit.ts";
import { showSite } from "./call-site.ts";

/** A task as its module defined it. */
export interface TaskDefinition {
  readonly name: string;
  readonly fn: (...args: never[]) => unknown;
  /** Where it is defined, if that is known. */
  readonly site: CallSite | undefined;
  /** What the user gave as options; whoever defines tasks knows their type. */
  readonly options: unknown;
}

interface Registry {
  /** By name, then in the order of definition. */
  readonly tasks: Map<string, Entry[]>;
  /** The bundle that is imported right now. */
  importing: string | undefined;
}

/** What became of importing a bundle in this thread. */
export interface BundleImport {
  /** The bundle's id. */
  readonly unit: string;
  /** What its roots threw, in their order: what they define may be missing. */
  readonly failures: readonly Error[];
}

interface Entry {
  readonly definition: TaskDefinition;
  /** The bundle whose import defined it; a pool's thread may have loaded several versions of one flow. */
  readonly unit: string | undefined;
}

const KEY = Symbol.for("muster.registry/1");

/** Kept on `globalThis`, because a user's bundle may bring a second copy of this module. */
function registry(): Registry {
  const holder = globalThis as { [KEY]?: Registry };
  holder[KEY] ??= { tasks: new Map(), importing: undefined };
  return holder[KEY];
}

/**
 * Makes a task known in this thread. One that a function defines after the import of its module is not kept:
 * no other thread would find it, and each call of the function would add another.
 */
export function registerTask(definition: TaskDefinition): void {
  const { tasks, importing } = registry();
  if (definition.site?.nested && importing === undefined) return;
  const entry = { definition, unit: importing };
  const entries = tasks.get(definition.name);
  if (entries) entries.push(entry);
  else tasks.set(definition.name, [entry]);
}

/** The tasks of one name that this thread knows, in the order of their definition. */
export function tasksNamed(name: string): readonly TaskDefinition[] {
  return (registry().tasks.get(name) ?? []).map((entry) => entry.definition);
}

/** All tasks that this thread knows. */
export function registeredTasks(): readonly TaskDefinition[] {
  return [...registry().tasks.values()].flatMap((entries) => entries.map((entry) => entry.definition));
}

/** Runs `load`; the tasks that are defined meanwhile count as the bundle's. */
export async function definingFor(unit: string, load: () => Promise<void>): Promise<void> {
  registry().importing = unit;
  try {
    await load();
  } finally {
    registry().importing = undefined;
  }
}

/**
 * The task that a driver means.
 *
 * @param site where the driver saw it defined: tells tasks of one name apart
 * @param from the bundle that defines it; undefined looks in all
 * @throws MusterError `CODE` where there is none, or several that fit
 */
export function findTask(name: string, site: CallSite | undefined, from?: BundleImport): TaskDefinition {
  const entries = registry().tasks.get(name) ?? [];
  const known = entries.filter((entry) => from === undefined || entry.unit === from.unit);
  const fitting = closest(
    known.map((entry) => entry.definition),
    site,
  );
  if (fitting.length === 0) throw notFound(name, site, from?.failures[0]);
  if (fitting.length > 1) throw severalFit(name, fitting);
  return fitting[0]!;
}

/** Those of the same line if there are; else of the same file; else the only one, since maps may name another file. */
function closest(
  definitions: readonly TaskDefinition[],
  site: CallSite | undefined,
): readonly TaskDefinition[] {
  if (!site) return definitions;
  const sameLine = definitions.filter(({ site: own }) => own?.file === site.file && own.line === site.line);
  if (sameLine.length > 0) return sameLine;
  // A task from inside a function must not be mistaken for its namesake at the top level.
  if (site.nested) return [];
  const sameFile = definitions.filter(({ site: own }) => own === undefined || own.file === site.file);
  return sameFile.length > 0 || definitions.length > 1
    ? sameFile
    : definitions.filter(({ site: own }) => !own?.nested);
}

function notFound(name: string, site: CallSite | undefined, cause: Error | undefined): MusterError {
  const task = `The task "${name}"${site ? ` (${showSite(site)})` : ""}`;
  if (cause) {
    return new MusterError(
      "CODE",
      `${task} is not there on a worker, since importing its code failed: ${cause.message}`,
      {
        cause,
      },
    );
  }
  return new MusterError(
    "CODE",
    `${task} is not there on a worker: importing its module does not define it. ` +
      "Define it at the top level of a module, outside of every function, before the flow runs there.",
  );
}

function severalFit(name: string, definitions: readonly TaskDefinition[]): MusterError {
  const places = definitions.map(({ site }) => (site ? showSite(site) : "an unknown place"));
  return new MusterError(
    "CODE",
    `${definitions.length} tasks are called "${name}": ${places.join(", ")}. Give each a name of its own.`,
  );
}
