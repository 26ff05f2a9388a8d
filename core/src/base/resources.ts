/** Amounts of what workers have and tasks need, by name: `{ GPU: 1 }`. */
export type Resources = Readonly<Record<string, number>>;

/** 0.3 less 0.1 twice is a little less than 0.1. */
const TOLERANCE = 1e-9;

export function suffices(free: Resources, needs: Resources): boolean {
  return Object.entries(needs).every(([name, amount]) => (free[name] ?? 0) >= amount - TOLERANCE);
}

/** `free` with what `needs` says taken away, or, with sign -1, given back. */
export function without(free: Resources, needs: Resources = {}, sign: 1 | -1 = 1): Resources {
  const left: Record<string, number> = { ...free };
  for (const [name, amount] of Object.entries(needs)) left[name] = (left[name] ?? 0) - sign * amount;
  return left;
}
