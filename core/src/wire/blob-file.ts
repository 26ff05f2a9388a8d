import { closeSync, fstatSync, openSync, readSync, unlinkSync, writevSync } from "node:fs";
import { type FileHandle, open } from "node:fs/promises";
import { MusterError } from "../base/errors.ts";
import { layoutParts, unflatten } from "./blob-format.ts";
import type { Encoded } from "./values.ts";

/** What an encoded value is made of, as a reader sees it. */
export type EncodedParts = Pick<Encoded, "meta" | "buffers">;

/** As many buffers as one `writev` call takes everywhere. */
const MAX_PARTS_PER_WRITE = 512;
/** The most that Linux moves in one call. */
const MAX_BYTES_PER_CALL = 2 ** 30;

/** Names of blobs become file names: nothing else may be in them. */
const BLOB_ID = /^[a-z0-9][a-z0-9-]{0,127}$/;

/** @throws MusterError `PROTOCOL` for a name that could lead out of the directory */
export function checkBlobId(id: unknown): string {
  if (typeof id !== "string" || !BLOB_ID.test(id)) {
    throw new MusterError("PROTOCOL", `${JSON.stringify(id)} is no name of a blob.`);
  }
  return id;
}

/** Writes a value to a file without joining its parts first. Leaves no file behind when it fails. */
export function writeBlobFile(path: string, encoded: Encoded): void {
  const file = openSync(path, "wx", 0o600);
  try {
    let parts = layoutParts(encoded);
    while (parts.length > 0) parts = dropBytes(parts, writevSync(file, parts.slice(0, MAX_PARTS_PER_WRITE)));
  } catch (error) {
    unlinkSync(path);
    throw error;
  } finally {
    closeSync(file);
  }
}

/** The parts that are left when the first `written` bytes are gone. */
function dropBytes(parts: readonly Uint8Array[], written: number): Uint8Array[] {
  let left = written;
  let index = 0;
  while (index < parts.length && left >= parts[index]!.byteLength) left -= parts[index++]!.byteLength;
  const rest = parts.slice(index);
  if (left > 0) rest[0] = rest[0]!.subarray(left);
  return rest;
}

/** Reads a value from a file with one copy, from the file's memory to the value's. */
export function readBlobFileSync(path: string): EncodedParts {
  const file = openSync(path, "r");
  try {
    const bytes = Buffer.allocUnsafeSlow(fstatSync(file).size);
    let at = 0;
    while (at < bytes.length) {
      const read = readSync(file, bytes, at, Math.min(bytes.length - at, MAX_BYTES_PER_CALL), at);
      if (read === 0) throw new MusterError("PROTOCOL", `The blob ${path} ends early.`);
      at += read;
    }
    return unflatten(bytes);
  } finally {
    closeSync(file);
  }
}

/** The same, without blocking the thread meanwhile. */
export async function readBlobFile(path: string): Promise<EncodedParts> {
  let file: FileHandle | undefined;
  try {
    file = await open(path, "r");
    const bytes = Buffer.allocUnsafeSlow((await file.stat()).size);
    let at = 0;
    while (at < bytes.length) {
      const { bytesRead } = await file.read(bytes, at, Math.min(bytes.length - at, MAX_BYTES_PER_CALL), at);
      if (bytesRead === 0) throw new MusterError("PROTOCOL", `The blob ${path} ends early.`);
      at += bytesRead;
    }
    return unflatten(bytes);
  } finally {
    await file?.close();
  }
}
