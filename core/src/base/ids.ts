import { randomBytes } from "node:crypto";

/** Where names come from: random ones, or counted ones in tests. */
export interface Ids {
  /** A name that no other run has: `"run-3f9a1c04b2"`. Lower case letters, digits and hyphens only. */
  next(prefix: string): string;
}

export const randomIds: Ids = {
  next: (prefix) => `${prefix}-${randomBytes(5).toString("hex")}`,
};

/** `run-1`, `run-2`, …: the same in every test. */
export function countedIds(): Ids {
  const counts = new Map<string, number>();
  return {
    next(prefix) {
      const count = (counts.get(prefix) ?? 0) + 1;
      counts.set(prefix, count);
      return `${prefix}-${count}`;
    },
  };
}
