import { readFileSync } from "node:fs";
import { checkBoolean, checkNumber } from "../../base/check-options.ts";
import { InvalidOptionError } from "../../base/errors.ts";
import type { NatsOptions } from "./nats-options.ts";

export type Env = Readonly<Record<string, string | undefined>>;

/** Where in the environment an option is looked for that was not given. */
export const VARIABLES = {
  user: "MUSTER_NATS_USER",
  password: "MUSTER_NATS_PASSWORD",
  token: "MUSTER_NATS_TOKEN",
  nkey: "MUSTER_NATS_NKEY",
  creds: "MUSTER_NATS_CREDS",
  ca: "MUSTER_NATS_CA",
  cert: "MUSTER_NATS_CERT",
  key: "MUSTER_NATS_KEY",
  tlsServerName: "MUSTER_NATS_TLS_SERVER_NAME",
  tlsFirst: "MUSTER_NATS_TLS_FIRST",
  connectTimeoutMs: "MUSTER_NATS_CONNECT_TIMEOUT_MS",
} as const satisfies Record<Exclude<keyof NatsOptions, "servers">, string>;

export interface Found {
  readonly text: string;
  /** The option or variable, for messages. */
  readonly from: string;
}

export type TextName = Exclude<keyof typeof VARIABLES, "tlsFirst" | "connectTimeoutMs">;

/** What is in a file, and may be given instead of its path. */
export interface FileContent {
  readonly begins: RegExp;
  readonly what: string;
}

/** Options, and the environment for what is not among them. What it throws shows no value that may be a secret. */
export class NatsSources {
  readonly #options: NatsOptions;
  readonly #env: Env;
  readonly #where: string;

  constructor(options: NatsOptions, env: Env, where: string) {
    this.#options = options;
    this.#env = env;
    this.#where = where;
  }

  option(name: TextName): Found | undefined {
    const from = `${this.#where}.${name}`;
    const value: unknown = this.#options[name];
    if (value === undefined) return undefined;
    if (typeof value !== "string") {
      const type = Array.isArray(value) ? "an array" : `of the type ${typeof value}`;
      throw wrong(from, `${from} must be a text, but it is ${type}`);
    }
    if (value === "") throw wrong(from, `${from} is an empty text: leave it out, or say what it is`);
    return { text: value, from };
  }

  variable(name: TextName): Found | undefined {
    const text = this.#env[VARIABLES[name]];
    return text === undefined || text === "" ? undefined : { text, from: VARIABLES[name] };
  }

  find(name: TextName): Found | undefined {
    return this.option(name) ?? this.variable(name);
  }

  flag(name: "tlsFirst"): boolean {
    const value = this.#options[name];
    if (value !== undefined) return checkBoolean(value, false, `${this.#where}.${name}`);
    const variable = VARIABLES[name];
    const text = this.#env[variable] || "false";
    if (text === "true" || text === "false") return text === "true";
    throw wrong(variable, `${variable} must be true or false, but it is "${text}"`);
  }

  milliseconds(name: "connectTimeoutMs", usual: number): number {
    const value = this.#options[name];
    if (value !== undefined) return checkNumber(value, usual, { option: `${this.#where}.${name}`, min: 1 });
    const text = this.#env[VARIABLES[name]];
    if (text === undefined || text === "") return usual;
    return checkNumber(Number(text), usual, { option: VARIABLES[name], min: 1 });
  }
}

/** What is in the file that is named, or was given instead of its name. @throws InvalidOptionError */
export function contentOf({ text, from }: Found, content: FileContent): Found {
  if (content.begins.test(text)) return { text, from };
  // A secret that is not what it should be is not shown as if it were a path.
  if (text.includes("\n") || text.length > 1000)
    throw wrong(from, `${from} must be the path of a file, or ${content.what}, and is neither`);
  let read: string;
  try {
    read = readFileSync(text, "utf8");
  } catch (error) {
    throw wrong(from, `The file of ${from} cannot be read: ${(error as Error).message}`, error);
  }
  if (content.begins.test(read)) return { text: read, from };
  throw wrong(from, `The file ${text} of ${from} must hold ${content.what}, but nothing in it begins so`);
}

export function wrong(option: string, message: string, cause?: unknown): InvalidOptionError {
  return new InvalidOptionError(option, `${message}.`, cause === undefined ? undefined : { cause });
}
