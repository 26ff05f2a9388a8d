import type { Metrics, SessionSystem } from "./system.ts";

export interface Metric {
  readonly unit: string;
  readonly better: "higher" | "lower";
}

/** One thing to do with every system, the same for all, with its results checked. */
export interface Workload {
  readonly title: string;
  /** How many of what the title says, or bytes. */
  readonly size: number;
  /** With `--quick`. */
  readonly quickSize: number;
  /** For systems that say `slow`; all metrics are rates or times of one task, so they still compare. @default `size` */
  readonly slowSize?: number;
  readonly metrics: Readonly<Record<string, Metric>>;
  /** Asks how much of their results systems store. */
  readonly needsStorage?: boolean;
  /** Asks what only Muster claims. */
  readonly musterOnly?: boolean;
  /** @throws WrongResult when a value is not what it must be. */
  measure(system: SessionSystem, size: number): Promise<Metrics>;
}

export class WrongResult extends Error {
  override readonly name = "WrongResult";
}

/** @throws WrongResult when `seen` is not element by element `wanted`. */
export function checkValues<T>(seen: readonly T[], wanted: readonly T[]): void {
  if (seen.length !== wanted.length)
    throw new WrongResult(`${seen.length} results instead of ${wanted.length}`);
  const at = seen.findIndex((value, index) => value !== wanted[index]);
  if (at >= 0) throw new WrongResult(`result ${at} is ${String(seen[at])} and must be ${String(wanted[at])}`);
}

export function range(count: number): number[] {
  return Array.from({ length: count }, (_, index) => index);
}

export async function timed<T>(work: () => PromiseLike<T>): Promise<{ value: T; ms: number }> {
  const start = performance.now();
  const value = await work();
  return { value, ms: performance.now() - start };
}

export function perSecond(count: number, ms: number): number {
  return (count * 1000) / ms;
}

export const throughputMetric = { throughput: { unit: "tasks/s", better: "higher" } } as const;
