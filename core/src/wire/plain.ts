/**
 * Says whether msgpack alone carries a value faithfully, so that the hot path need not describe it first. Small
 * trees of plain objects and dense arrays pass, without an allocation.
 */

const MAX_DEPTH = 64;
const MAX_LISTED = 16;

/** Every object on the way, since one that is met twice has an identity to keep, or is a cycle. */
const listed: object[] = [];
let counted = 0;
let indexed: Set<object> | undefined;

/** `true`: msgpackr packs and unpacks `value` without loss. `false`: it does not, or it is not known. */
export function isPlain(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return isPlainPrimitive(value);
  if (counted > 0) return false; // asked again by a getter on the way
  try {
    return isPlainTree(value, 0);
  } finally {
    listed.length = 0;
    counted = 0;
    indexed = undefined;
  }
}

function isPlainPrimitive(value: unknown): boolean {
  switch (typeof value) {
    case "number":
      return value !== 0 || !Object.is(value, -0); // msgpackr writes -0 as 0
    case "string":
      return value.isWellFormed(); // UTF-8 has no lone surrogates
    case "boolean":
    case "undefined":
      return true;
    case "bigint":
      return BigInt.asIntN(64, value) === value;
    default:
      return value === null;
  }
}

function isPlainTree(value: object, depth: number): boolean {
  if (depth > MAX_DEPTH || isRepeated(value)) return false;
  const prototype: unknown = Object.getPrototypeOf(value);
  // msgpackr goes by `constructor`, which may also be a key of the user's
  if (prototype === Object.prototype) {
    return value.constructor === Object && isPlainObject(value as Record<string, unknown>, depth);
  }
  if (prototype === Array.prototype) {
    return value.constructor === Array && Array.isArray(value) && isPlainArray(value, depth);
  }
  return false;
}

function isPlainArray(value: readonly unknown[], depth: number): boolean {
  for (let index = 0; index < value.length; index++) {
    const element = value[index];
    if (typeof element === "object" && element !== null) {
      if (!isPlainTree(element, depth + 1)) return false;
    } else if (element === undefined) {
      if (!Object.hasOwn(value, index)) return false;
    } else if (!isPlainPrimitive(element)) {
      return false;
    }
  }
  return true;
}

function isPlainObject(value: Readonly<Record<string, unknown>>, depth: number): boolean {
  for (const key in value) {
    if (key === "__proto__" || !key.isWellFormed()) return false;
    const element = value[key];
    if (typeof element === "object" && element !== null) {
      if (!isPlainTree(element, depth + 1)) return false;
    } else if (!isPlainPrimitive(element)) {
      return false;
    }
  }
  return true;
}

function isRepeated(value: object): boolean {
  if (indexed !== undefined) {
    if (indexed.has(value)) return true;
    indexed.add(value);
    return false;
  }
  for (let index = 0; index < counted; index++) {
    if (listed[index] === value) return true;
  }
  if (counted === MAX_LISTED) {
    indexed = new Set(listed);
    indexed.add(value);
  } else {
    listed[counted++] = value;
  }
  return false;
}
