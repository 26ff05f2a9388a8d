import { expect, test } from "vitest";
import { decodeValue, encodeValue } from "../wire/values.ts";
import { BlobStore } from "./blob-store.ts";

function store() {
  const made = new BlobStore("proof", { freed: () => {}, fetch: () => undefined });
  return Object.assign(made, { [Symbol.dispose]: () => made.close() });
}

const value = { bytes: new Uint8Array(100_000).fill(7) };
const encoded = () => encodeValue(value, { what: "a value" });

test("no two stores ever give two blobs one name", () => {
  using one = store();
  using other = store();
  const ids = [one.put(encoded()).id, one.put(encoded()).id, other.put(encoded()).id];
  expect(new Set(ids).size).toBe(3);
});

test("another store's blob is this one's, too, also when the other store is closed", async () => {
  using one = store();
  const other = store();
  const linked = one.link(other.put(encoded()), other);
  other.close();
  expect(decodeValue(await one.get(linked.id))).toEqual(value);
});

test("what a closed store kept is gone, and that is what it says", () => {
  using open = store();
  const closed = store();
  const blob = closed.put(encoded());
  closed.close();
  expect(() => closed.get(blob.id)).toThrow(expect.objectContaining({ code: "CLOSED" }));
  expect(() => open.link(blob, closed)).toThrow();
});
