import { suffices } from "../../base/resources.ts";
import type { PoolWorker } from "../../wire/nats/pool/pool-messages.ts";
import { ANY_CLASS, classResources, describeClass } from "../../wire/nats/pool/resource-class.ts";
import { PROTOCOL_VERSION } from "../../wire/protocol.ts";

export interface ShortageOptions {
  readonly pool: string;
  /** Without credentials. */
  readonly address: string;
  readonly poolTimeoutMs: number;
}

/** What a run that waits for lanes has to say of it. */
export interface ShortageNews {
  readonly log: string | undefined;
  /** It waits no more. */
  readonly error: string | undefined;
}

/** A run that waits for so long says what for, in milliseconds; … */
const SAY_MS = 5000;
/** … and where there are workers, and all of them are busy, after so long. */
const SAY_BUSY_MS = 15_000;

/** Knows for how long a run has waited for lanes that nobody in the pool could give, and what to say of it. */
export class Shortage {
  readonly #options: ShortageOptions;
  /** Classes that no worker could give, and since when. */
  readonly #since = new Map<string, number>();
  readonly #waitsSince = new Map<string, number>();
  readonly #said = new Set<string>();

  constructor(options: ShortageOptions) {
    this.#options = options;
  }

  /** Why no worker that is there ever will work for this run. */
  whyNever(workers: readonly PoolWorker[]): string | undefined {
    const { pool, address } = this.#options;
    if (workers.length === 0 || workers.some(isOfThisVersion)) return undefined;
    const versions = [...new Set(workers.map(({ protocol }) => protocol))].sort().join(" and ");
    const count = workers.length === 1 ? "The worker" : `All ${workers.length} workers`;
    return `${count} of the pool "${pool}" at ${address} ${workers.length === 1 ? "speaks" : "speak"} version ${versions} of Muster's protocol, and this run version ${PROTOCOL_VERSION}: start workers of the version of Muster that the run has.`;
  }

  /**
   * @param missing classes of lanes that the run could use, and of which none works for it
   * @param now in milliseconds
   */
  look(missing: readonly string[], workers: readonly PoolWorker[], now: number): ShortageNews {
    for (const since of [this.#since, this.#waitsSince]) {
      for (const token of since.keys()) if (!missing.includes(token)) since.delete(token);
    }
    const never = missing.length > 0 ? this.whyNever(workers) : undefined;
    if (never !== undefined) return { log: undefined, error: never };
    let log: string | undefined;
    for (const token of missing) {
      const able = workers.filter((worker) => couldGive(worker, token));
      if (able.length > 0) {
        this.#since.delete(token);
        log ??= this.#sayBusy(token, able, now);
        continue;
      }
      const since = this.#since.get(token) ?? now;
      this.#since.set(token, since);
      if (now - since >= this.#options.poolTimeoutMs)
        return {
          log: undefined,
          error: this.#whyNobody(token, `${this.#options.poolTimeoutMs} ms (poolTimeoutMs)`),
        };
      if (now - since >= SAY_MS) log ??= this.#once(`nobody ${token}`, () => this.#waitsFor(token));
    }
    return { log, error: undefined };
  }

  #sayBusy(token: string, able: readonly PoolWorker[], now: number): string | undefined {
    const since = this.#waitsSince.get(token) ?? now;
    this.#waitsSince.set(token, since);
    if (now - since < SAY_BUSY_MS) return undefined;
    const lanes = able.flatMap((worker) => worker.lanes);
    const busy = lanes.filter(({ runId }) => runId !== undefined);
    const flows = [...new Set(busy.map(({ flowName }) => `"${flowName}"`))].join(", ");
    return this.#once(
      `busy ${token}`,
      () =>
        `Waiting for the next lane of the pool "${this.#options.pool}": of ${lanes.length}, ${busy.length} work for the flows ${flows || "of nobody"}, and are given on when what runs there has ended.`,
    );
  }

  #waitsFor(token: string): string {
    return this.#whyNobody(token, undefined);
  }

  #whyNobody(token: string, waited: string | undefined): string {
    const { pool, address, poolTimeoutMs } = this.#options;
    const resources = JSON.stringify(classResources(token) ?? {});
    const what = token === ANY_CLASS ? "no worker" : `no worker with ${describeClass(token)}`;
    const how = token === ANY_CLASS ? "" : ` --resources '${resources}'`;
    const where = `The pool "${pool}" at ${address}`;
    const state =
      waited === undefined
        ? `${where} has ${what}: waiting for one, up to ${poolTimeoutMs} ms (poolTimeoutMs).`
        : `${where} had ${what} for ${waited}.`;
    return `${state} This starts one: muster worker ${address} --pool ${pool}${how}`;
  }

  #once(key: string, say: () => string): string | undefined {
    if (this.#said.has(key)) return undefined;
    this.#said.add(key);
    return say();
  }
}

function isOfThisVersion({ protocol }: PoolWorker): boolean {
  return protocol === PROTOCOL_VERSION;
}

function couldGive(worker: PoolWorker, token: string): boolean {
  const needs = classResources(token);
  return (
    isOfThisVersion(worker) && !worker.isLeaving && needs !== undefined && suffices(worker.resources, needs)
  );
}
