import { MusterError } from "../base/errors.ts";
import { compileInline } from "../code/inline.ts";
import { type BundleImport, importBundle } from "../code/loader.ts";
import { findTask } from "../code/registry.ts";
import type { DefineMessage } from "../wire/protocol.ts";
import type { ThreadCode } from "./thread-messages.ts";

export type TaskCall = (...args: unknown[]) => unknown;

/** A function of the run as this thread has it. */
export class ThreadFunction {
  name = "";
  /** Undefined until its code is loaded. */
  call: TaskCall | undefined;
  /** Why it cannot be had. */
  error: Error | undefined;
  /** Milliseconds that an attempt may take. */
  timeoutMs = Number.POSITIVE_INFINITY;
  /** Each attempt is announced before it begins. */
  onlyOnce = false;
  /** Moving average of how long it takes, in milliseconds. */
  averageMs = Number.POSITIVE_INFINITY;
  readonly #loaded = Promise.withResolvers<void>();

  /** Nothing of it has ended here. */
  get isNew(): boolean {
    return this.averageMs === Number.POSITIVE_INFINITY;
  }

  get isLoaded(): boolean {
    return this.call !== undefined || this.error !== undefined;
  }

  /** Resolves when it is loaded, or cannot be had. */
  get loaded(): Promise<void> {
    return this.#loaded.promise;
  }

  async load(name: string, found: Promise<TaskCall>): Promise<void> {
    this.name = name;
    try {
      this.call = await found;
    } catch (error) {
      this.error = error as Error;
    }
    this.#loaded.resolve();
  }
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
    const fn = this.get(define.index);
    fn.onlyOnce = define.onlyOnce;
    fn.timeoutMs = define.timeoutMs ?? Number.POSITIVE_INFINITY;
    void fn.load(define.name, this.#find(define));
  }

  /** Tasks come another way than their functions, and may be there before those. */
  get(index: number): ThreadFunction {
    this.#functions[index] ??= new ThreadFunction();
    return this.#functions[index];
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
