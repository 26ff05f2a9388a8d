import { nodesOf } from "./future.ts";
import type { Node } from "./task-run.ts";

/** Deeper than any structure that a person writes; what refers to itself ends here. */
const MAX_DEPTH = 1000;

function isPlain(value: object): boolean {
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null;
}

/** The nodes of all futures in `value`, nested anywhere in arrays and plain objects. */
export function futuresIn(value: unknown, found: Node[] = [], depth = 0): Node[] {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return found;
  const nodes = nodesOf(value);
  if (Array.isArray(nodes)) for (const node of nodes as readonly Node[]) found.push(node);
  else if (nodes !== undefined) found.push(nodes as Node);
  else if (Array.isArray(value)) for (const element of value) futuresIn(element, found, depth + 1);
  else if (isPlain(value)) for (const element of Object.values(value)) futuresIn(element, found, depth + 1);
  return found;
}

/**
 * `value` with each future replaced by what `toValue` gives for its node. What holds no future is not copied.
 */
export function withValues(value: unknown, toValue: (node: Node) => unknown, depth = 0): unknown {
  if (typeof value !== "object" || value === null || depth > MAX_DEPTH) return value;
  const nodes = nodesOf(value);
  if (nodes !== undefined) {
    return Array.isArray(nodes) ? (nodes as readonly Node[]).map(toValue) : toValue(nodes as Node);
  }
  if (Array.isArray(value)) {
    const copy = value.map((element) => withValues(element, toValue, depth + 1));
    return copy.some((element, index) => element !== value[index]) ? copy : value;
  }
  if (!isPlain(value)) return value;
  const entries = Object.entries(value);
  const copy = entries.map(([key, element]) => [key, withValues(element, toValue, depth + 1)] as const);
  return copy.some(([, element], index) => element !== entries[index]![1]) ? Object.fromEntries(copy) : value;
}
