import type { Mark } from "../base/descendants.ts";
import { InvalidOptionError } from "../base/errors.ts";
import type { LogLevel } from "./event.ts";

/** What a worker is told at its start. */
export interface WorkerSettings {
  /** Where its engine is: `tcp://127.0.0.1:40123`. */
  readonly address: string;
  readonly token: string;
  /** PEM of the certificate to pin, with `tls://`. */
  readonly certificate: string | undefined;
  /** The engine is a server of NATS: more variables, which say how to get in. */
  readonly nats: Readonly<Record<string, string>> | undefined;
  readonly workerId: string;
  readonly runId: string;
  /** Task threads. */
  readonly threads: number;
  /** Tasks that a thread runs at once. */
  readonly tasksPerThread: number;
  readonly resources: Readonly<Record<string, number>>;
  /** Bytes of heap that a task thread may have; undefined: as much as Node gives. */
  readonly memoryLimit: number | undefined;
  /** Without its engine for this many milliseconds, the worker exits by itself. */
  readonly deathTimeoutMs: number;
  /** Milliseconds that a cancelled task has before its thread is ended. */
  readonly cancelGraceMs: number;
  readonly logLevel: LogLevel;
}

const LOG_LEVELS: readonly LogLevel[] = ["debug", "info", "warn", "error"];

/**
 * What tells all that a worker's tasks start from everything else: they inherit these of its variables.
 * @param env a worker's whole environment; one without them has no mark, which fits nothing
 */
export function workerMark(env: Env): Mark {
  const { MUSTER_RUN_ID, MUSTER_WORKER_ID } = env;
  return MUSTER_RUN_ID && MUSTER_WORKER_ID ? { MUSTER_RUN_ID, MUSTER_WORKER_ID } : {};
}

/** The settings as environment variables: how they get to a worker, wherever it runs. */
export function workerEnv(settings: WorkerSettings): Record<string, string> {
  const { certificate, nats, memoryLimit } = settings;
  return {
    MUSTER_ADDRESS: settings.address,
    MUSTER_TOKEN: settings.token,
    ...(certificate === undefined ? {} : { MUSTER_CERTIFICATE: certificate }),
    ...(nats === undefined ? {} : { MUSTER_ENGINE: "nats", ...nats }),
    MUSTER_WORKER_ID: settings.workerId,
    MUSTER_RUN_ID: settings.runId,
    MUSTER_THREADS: String(settings.threads),
    MUSTER_TASKS_PER_THREAD: String(settings.tasksPerThread),
    MUSTER_RESOURCES: JSON.stringify(settings.resources),
    ...(memoryLimit === undefined ? {} : { MUSTER_MEMORY_LIMIT: String(memoryLimit) }),
    MUSTER_DEATH_TIMEOUT_MS: String(settings.deathTimeoutMs),
    MUSTER_CANCEL_GRACE_MS: String(settings.cancelGraceMs),
    MUSTER_LOG_LEVEL: settings.logLevel,
  };
}

/** What nobody but the worker should see: not in a command line, not in what describes a container. */
const SECRETS = [
  "MUSTER_TOKEN",
  "MUSTER_CERTIFICATE",
  "MUSTER_NATS_PASSWORD",
  "MUSTER_NATS_TOKEN",
  "MUSTER_NATS_NKEY",
  "MUSTER_NATS_CREDS",
  "MUSTER_NATS_CA",
  "MUSTER_NATS_CERT",
  "MUSTER_NATS_KEY",
];
/** Names a file with more variables, as a JSON object. */
const SECRET_FILE = "MUSTER_SECRET_FILE";

/**
 * A worker's environment in two parts, for a provider whose environments are there for others to read. What is secret
 * can go into a file that the worker's user alone can read, as a JSON object: MUSTER_SECRET_FILE then names the file.
 */
export function splitSecrets(env: Readonly<Record<string, string>>): {
  readonly open: Record<string, string>;
  readonly secret: Record<string, string>;
} {
  const isSecret = ([name]: [string, string]): boolean => SECRETS.includes(name);
  const entries = Object.entries(env);
  return {
    open: Object.fromEntries(entries.filter((entry) => !isSecret(entry))),
    secret: Object.fromEntries(entries.filter(isSecret)),
  };
}

/**
 * The whole environment of a worker, with what is in the file that MUSTER_SECRET_FILE names, if it does.
 * @throws InvalidOptionError when the file cannot be read
 */
export function withSecrets(env: Env, read: (path: string) => string): Env {
  const path = env[SECRET_FILE];
  if (path === undefined || path === "") return env;
  try {
    return { ...env, ...(JSON.parse(read(path)) as Record<string, string>) };
  } catch (cause) {
    throw new InvalidOptionError(
      SECRET_FILE,
      `The file ${path} of the environment variable ${SECRET_FILE} cannot be read: ${(cause as Error).message}.`,
      { cause },
    );
  }
}

/**
 * The inverse of `workerEnv`. `MUSTER_ADDRESS`, `MUSTER_TOKEN`, `MUSTER_WORKER_ID` and `MUSTER_RUN_ID` must be
 * there; the others have the defaults of a worker that somebody starts by hand.
 * @throws InvalidOptionError naming the variable
 */
export function readWorkerEnv(env: Readonly<Record<string, string | undefined>>): WorkerSettings {
  return {
    address: required(env, "MUSTER_ADDRESS"),
    token: required(env, "MUSTER_TOKEN"),
    certificate: env["MUSTER_CERTIFICATE"] || undefined,
    nats: env["MUSTER_ENGINE"] === "nats" ? natsVariables(env) : undefined,
    workerId: required(env, "MUSTER_WORKER_ID"),
    runId: required(env, "MUSTER_RUN_ID"),
    threads: number(env, "MUSTER_THREADS", { min: 1, whole: true }) ?? 1,
    tasksPerThread: number(env, "MUSTER_TASKS_PER_THREAD", { min: 1, whole: true }) ?? 1,
    resources: resources(env),
    memoryLimit: number(env, "MUSTER_MEMORY_LIMIT", { min: 1, whole: true }),
    deathTimeoutMs: number(env, "MUSTER_DEATH_TIMEOUT_MS", { min: 0 }) ?? 30_000,
    cancelGraceMs: number(env, "MUSTER_CANCEL_GRACE_MS", { min: 0 }) ?? 5_000,
    logLevel: logLevel(env),
  };
}

type Env = Readonly<Record<string, string | undefined>>;

function natsVariables(env: Env): Record<string, string> {
  const isOne = (entry: [string, string | undefined]): entry is [string, string] =>
    entry[0].startsWith("MUSTER_NATS_") && entry[1] !== undefined;
  return Object.fromEntries(Object.entries(env).filter(isOne));
}

function required(env: Env, name: string): string {
  const value = env[name];
  if (value) return value;
  throw new InvalidOptionError(
    name,
    `The environment variable ${name} is not set. Whoever starts a worker sets it: a cluster does so by itself.`,
  );
}

function number(env: Env, name: string, rule: { min: number; whole?: boolean }): number | undefined {
  const text = env[name];
  if (text === undefined || text === "") return undefined;
  const value = Number(text);
  if (Number.isFinite(value) && value >= rule.min && (rule.whole !== true || Number.isInteger(value)))
    return value;
  throw wrong(name, `a ${rule.whole === true ? "whole " : ""}number of at least ${rule.min}`, text);
}

function resources(env: Env): Readonly<Record<string, number>> {
  const text = env["MUSTER_RESOURCES"];
  if (text === undefined || text === "") return {};
  const fail = (cause?: unknown): never => {
    throw wrong("MUSTER_RESOURCES", 'a JSON object of numbers, such as {"GPU":1}', text, cause);
  };
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch (error) {
    return fail(error);
  }
  if (typeof value !== "object" || value === null || Array.isArray(value)) return fail();
  if (!Object.values(value).every((amount) => typeof amount === "number" && amount >= 0)) return fail();
  return value as Record<string, number>;
}

function logLevel(env: Env): LogLevel {
  const text = env["MUSTER_LOG_LEVEL"] || "info";
  const level = LOG_LEVELS.find((one) => one === text);
  if (level !== undefined) return level;
  throw wrong("MUSTER_LOG_LEVEL", `one of ${LOG_LEVELS.join(", ")}`, text);
}

function wrong(name: string, wanted: string, text: string, cause?: unknown): InvalidOptionError {
  const message = `The environment variable ${name} must be ${wanted}, but it is ${JSON.stringify(text)}.`;
  return new InvalidOptionError(name, message, cause === undefined ? undefined : { cause });
}
