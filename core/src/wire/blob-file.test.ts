import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { readBlobFile, writeBlobFile } from "./blob-file.ts";
import { decodeValue, encodeValue } from "./values.ts";

const MIB = 2 ** 20;

const directory = mkdtempSync(join(tmpdir(), "muster-blob-file-"));
afterAll(() => rmSync(directory, { recursive: true }));

/** Bytes that differ wherever a piece of them could be put in another's place. */
function bytes(length: number): Uint8Array {
  const words = new Uint32Array(Math.ceil(length / 4)).map((_, index) => index);
  return new Uint8Array(words.buffer, 0, length);
}

function written(name: string, value: unknown): string {
  const path = join(directory, name);
  writeBlobFile(path, encodeValue(value, { what: "the value" }));
  return path;
}

const values: Record<string, unknown> = {
  "of 100 KiB": bytes(100 * 1024),
  "of an odd length, larger than what is read at once": bytes(13 * MIB + 5),
  "of more buffers than one call writes": Array.from({ length: 1200 }, () => bytes(20_000)),
};

for (const [name, value] of Object.entries(values)) {
  test(`a value ${name} is read as it was written`, async () => {
    const read = decodeValue(await readBlobFile(written(name, value)));
    // Not `toEqual`, which takes seconds for millions of elements.
    expect(Buffer.compare(joined(read), joined(value))).toBe(0);
  });
}

function joined(value: unknown): Buffer {
  return Buffer.concat([value].flat() as Uint8Array[]);
}

test("what is small is there at once", () => {
  expect(readBlobFile(written("small", bytes(MIB)))).not.toBeInstanceOf(Promise);
});

test("a large one is read to its end when its file is removed meanwhile", async () => {
  const value = bytes(9 * MIB);
  const path = written("removed", value);
  const reading = readBlobFile(path);
  rmSync(path);
  expect(Buffer.compare(decodeValue(await reading) as Uint8Array, value)).toBe(0);
});

test.each([
  ["small", MIB],
  ["large", 9 * MIB],
])("a %s file that is none of a value is a PROTOCOL error", async (name, length) => {
  const path = join(directory, `damaged-${name}`);
  writeFileSync(path, Buffer.alloc(length, 255));
  await expect((async () => readBlobFile(path))()).rejects.toMatchObject({ code: "PROTOCOL" });
});

test("a name that is taken keeps what it has", async () => {
  const path = written("taken", "first".repeat(1000));
  expect(() => writeBlobFile(path, encodeValue("second", { what: "the value" }))).toThrow("EEXIST");
  expect(decodeValue(await readBlobFile(path))).toBe("first".repeat(1000));
});
