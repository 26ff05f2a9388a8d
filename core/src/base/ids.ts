import { randomBytes } from "node:crypto";

/** Where names come from. */
export interface Ids {
  /** A name that no other run has: `"run-3f9a1c04b2"`. Lower case letters, digits and hyphens only. */
  next(prefix: string): string;
}

export const randomIds: Ids = {
  next: (prefix) => `${prefix}-${randomBytes(5).toString("hex")}`,
};
