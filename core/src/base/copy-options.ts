/**
 * A copy of what a user wrote as options: what is done to it later has no effect. Plain objects and arrays are copied,
 * at any depth; all else, such as instances of classes, is theirs and stays what it is.
 */
export function copyOptions<T>(options: T): T {
  const copies = new Map<object, object>();
  const copy = (value: unknown): unknown => {
    if (typeof value !== "object" || value === null || !isPlain(value)) return value;
    const known = copies.get(value);
    if (known !== undefined) return known;
    const made: Record<string, unknown> | unknown[] = Array.isArray(value) ? [] : {};
    copies.set(value, made);
    for (const [key, element] of Object.entries(value))
      (made as Record<string, unknown>)[key] = copy(element);
    return made;
  };
  return copy(options) as T;
}

function isPlain(value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value);
  return prototype === Object.prototype || prototype === null || Array.isArray(value);
}
