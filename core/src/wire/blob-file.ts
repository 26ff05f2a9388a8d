import { closeSync, fstatSync, openSync, read, readSync, unlinkSync, writevSync } from "node:fs";
import { promisify } from "node:util";
import { MusterError } from "../base/errors.ts";
import { layoutParts, unflatten } from "./blob-format.ts";
import type { Encoded } from "./values.ts";

/** What an encoded value is made of, as a reader sees it. */
export type EncodedParts = Pick<Encoded, "meta" | "buffers">;

/** As many buffers as one `writev` call takes everywhere. */
const MAX_PARTS_PER_WRITE = 512;
/** The detour over other threads takes longer than reading so much of memory, in bytes. */
const SYNC_READ_LIMIT_BYTES = 4 * 2 ** 20;
/** As many threads as Node does file operations in, if nobody says otherwise. */
const POOL_THREADS = 4;
/** The most that Linux reads in one call is a little less than twice this. */
const MAX_BYTES_PER_READ = 2 ** 30;

const readAsync = promisify(read);

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

interface OpenFile {
  readonly path: string;
  readonly fd: number;
  readonly byteLength: number;
}

/**
 * Reads a value from a file with one copy, from the file's memory to the value's: a small one at once, a large one
 * without blocking the thread meanwhile. The file may be removed as soon as this has returned.
 */
export function readBlobFile(path: string): EncodedParts | Promise<EncodedParts> {
  const fd = openSync(path, "r");
  const file = { path, fd, byteLength: fstatSync(fd).size };
  return file.byteLength <= SYNC_READ_LIMIT_BYTES ? readAtOnce(file) : readByThreads(file);
}

function readAtOnce({ path, fd, byteLength }: OpenFile): EncodedParts {
  try {
    const bytes = Buffer.allocUnsafeSlow(byteLength);
    for (let at = 0; at < byteLength; ) at += checkRead(path, readSync(fd, bytes, at, byteLength - at, at));
    return unflatten(bytes);
  } finally {
    closeSync(fd);
  }
}

/** More than half of the time goes into new memory, page by page: there several threads get on faster. */
async function readByThreads(file: OpenFile): Promise<EncodedParts> {
  const { fd, byteLength } = file;
  try {
    const bytes = Buffer.allocUnsafeSlow(byteLength);
    const most = Math.min(Math.ceil(byteLength / POOL_THREADS), MAX_BYTES_PER_READ);
    const reads: Promise<void>[] = [];
    for (let at = 0; at < byteLength; at += most) reads.push(readSlice(file, bytes.subarray(at, at + most)));
    // The number of a file that is closed may soon be another's: all reads have to end first, also after a failure.
    await Promise.allSettled(reads);
    await Promise.all(reads);
    return unflatten(bytes);
  } finally {
    closeSync(fd);
  }
}

/** Reads the bytes of the file that are to be where `slice` is in its memory. */
async function readSlice({ path, fd }: OpenFile, slice: Buffer): Promise<void> {
  for (let at = 0; at < slice.length; ) {
    const { bytesRead } = await readAsync(fd, slice, at, slice.length - at, slice.byteOffset + at);
    at += checkRead(path, bytesRead);
  }
}

function checkRead(path: string, bytesRead: number): number {
  if (bytesRead === 0) throw new MusterError("PROTOCOL", `The blob ${path} ends early.`);
  return bytesRead;
}
