import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import type { Clock } from "../base/clock.ts";

/** Less than this is not worth the look, in bytes. */
const FEW_BYTES = 32 * 2 ** 20;
/** Collecting takes no more than one part in so many of this thread's time … */
const SHARE = 40;
/** … unless so much may be garbage, in bytes. */
const MANY_BYTES = 512 * 2 ** 20;

/**
 * Has garbage collected while blobs are made: their handles are so small that V8 would see no reason to, while the files
 * behind them fill the memory.
 */
export class BlobCollector {
  readonly #clock: Clock;
  readonly #collect: () => void;
  #bytes = 0;
  #endedAt = Number.NEGATIVE_INFINITY;
  #tookMs = 0;
  #isPlanned = false;

  constructor(clock: Clock, collect: () => void = collectGarbage) {
    this.#clock = clock;
    this.#collect = collect;
  }

  /** A blob was made. */
  made(bytes: number): void {
    this.#bytes += bytes;
    if (this.#isPlanned || !this.#isDue) return;
    this.#isPlanned = true;
    this.#clock.after(0, () => this.#run());
  }

  /** A blob that was made has gone without that. */
  released(bytes: number): void {
    this.#bytes = Math.max(0, this.#bytes - bytes);
  }

  get #isDue(): boolean {
    if (this.#bytes >= MANY_BYTES) return true;
    return this.#bytes >= FEW_BYTES && this.#clock.now() - this.#endedAt >= this.#tookMs * SHARE;
  }

  #run(): void {
    this.#isPlanned = false;
    this.#bytes = 0;
    const startedAt = this.#clock.now();
    this.#collect();
    this.#endedAt = this.#clock.now();
    this.#tookMs = this.#endedAt - startedAt;
  }
}

let gc: (() => void) | undefined;

function collectGarbage(): void {
  if (gc === undefined) {
    setFlagsFromString("--expose-gc");
    gc = runInNewContext("gc") as () => void;
  }
  gc();
}
