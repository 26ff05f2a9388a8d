import { nodesOf } from "./future.ts";
import type { Node } from "./task-run.ts";

/** The elements of an array or of a plain object; undefined for all else, in which no future is looked for. */
function elementsOf(value: object): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  const prototype = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null ? Object.values(value) : undefined;
}

/** The nodes of all futures in `value`, nested anywhere in arrays and plain objects, which may refer to each other. */
export function futuresIn(value: unknown): Node[] {
  const found: Node[] = [];
  const seen = new Set<object>();
  const open: unknown[] = [value];
  // What is found keeps the order in which it stands there: last in, first out, with the elements turned around.
  while (open.length > 0) {
    const next = open.pop();
    if (typeof next !== "object" || next === null || seen.has(next)) continue;
    const nodes = nodesOf(next);
    if (Array.isArray(nodes)) for (const node of nodes as readonly Node[]) found.push(node);
    else if (nodes !== undefined) found.push(nodes as Node);
    else {
      seen.add(next);
      const elements = elementsOf(next) ?? [];
      for (let index = elements.length - 1; index >= 0; index--) open.push(elements[index]);
    }
  }
  return found;
}

/** A copy of `value` with each future replaced by what `toValue` gives for its node; `value` itself if it holds none. */
export function withValues(value: unknown, toValue: (node: Node) => unknown): unknown {
  if (futuresIn(value).length === 0) return value;
  const copies = new Map<object, object>();
  const replace = (original: unknown): unknown => {
    if (typeof original !== "object" || original === null) return original;
    const nodes = nodesOf(original);
    if (Array.isArray(nodes)) return (nodes as readonly Node[]).map(toValue);
    if (nodes !== undefined) return toValue(nodes as Node);
    const known = copies.get(original);
    if (known !== undefined) return known;
    if (elementsOf(original) === undefined) return original;
    // Known before it is filled: it may contain itself.
    const copy: object = Array.isArray(original) ? new Array(original.length) : {};
    copies.set(original, copy);
    for (const [key, element] of Object.entries(original)) {
      Object.defineProperty(copy, key, {
        value: replace(element),
        writable: true,
        enumerable: true,
        configurable: true,
      });
    }
    return copy;
  };
  return replace(value);
}
