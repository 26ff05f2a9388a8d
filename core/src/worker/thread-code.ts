import { MusterError } from "../base/errors.ts";
import { compileInline } from "../code/inline.ts";
import { type BundleImport, importBundle } from "../code/loader.ts";
import { findTask } from "../code/registry.ts";
import type { DefineMessage } from "../wire/protocol.ts";
import type { ThreadCode } from "./thread-messages.ts";

export type TaskCall = (...args: unknown[]) => unknown;

/** A function of the run as this thread has it. */
export interface ThreadFunction {
  readonly name: string;
  /** Undefined until its code is loaded. */
  call: TaskCall | undefined;
  /** Why it cannot be had. */
  error: Error | undefined;
  /** Resolves when one of the two is there. */
  readonly loaded: Promise<void>;
  /** Moving average of how long it takes, in milliseconds. */
  averageMs: number;
}

/** The code of a run in one task thread: what to load, and the functions in it by their number. */
export class ThreadCodeLoader {
  readonly #codes = new Map<string, Promise<BundleImport | TaskCall>>();
  readonly #functions: ThreadFunction[] = [];

  /** Loading begins at once, so that it is done when the first task comes. */
  add(code: ThreadCode): void {
    if (this.#codes.has(code.id)) return;
    const loading = code.kind === "bundle" ? importBundle(code.path) : compile(code.source);
    // Whoever needs the code hears of the failure; nobody may ever need it.
    loading.catch(() => {});
    this.#codes.set(code.id, loading);
  }

  define(define: DefineMessage): void {
    const entry: ThreadFunction = {
      name: define.name,
      call: undefined,
      error: undefined,
      loaded: this.#find(define).then(
        (call) => {
          entry.call = call;
        },
        (error: Error) => {
          entry.error = error;
        },
      ),
      averageMs: Number.POSITIVE_INFINITY,
    };
    this.#functions[define.index] = entry;
  }

  get(index: number): ThreadFunction {
    const entry = this.#functions[index];
    if (entry === undefined) throw new MusterError("PROTOCOL", `Function ${index} was never defined here.`);
    return entry;
  }

  async #find(define: DefineMessage): Promise<TaskCall> {
    const loaded = await this.#codes.get(define.code);
    if (loaded === undefined)
      throw new MusterError("PROTOCOL", `The code of task "${define.name}" never came.`);
    if (typeof loaded === "function") return loaded;
    return findTask(define.name, define.site, loaded).fn as TaskCall;
  }
}

async function compile(source: string): Promise<TaskCall> {
  return compileInline(source) as TaskCall;
}
