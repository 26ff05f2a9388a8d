/** A file or directory of an archive. */
export interface ArchiveEntry {
  /** Where it goes, from the directory on that the archive is unpacked in; that of a directory ends with a slash. */
  readonly path: string;
  /** @default 0o444 */
  readonly mode?: number;
  /** The number of the user and the group that it belongs to. @default 0 */
  readonly owner?: number;
  /** @default 1970 */
  readonly modifiedAt?: Date;
  /** @default empty */
  readonly content?: Buffer;
}

const BLOCK = 512;

/** An archive in the format ustar (POSIX.1-1988), as the engine takes them to put files into a container. */
export function fileArchive(entries: readonly ArchiveEntry[]): Buffer {
  const parts = entries.flatMap((entry) => {
    const { content = Buffer.alloc(0) } = entry;
    const padding = Buffer.alloc((BLOCK - (content.length % BLOCK)) % BLOCK);
    return [headerOf(entry, content.length), content, padding];
  });
  return Buffer.concat([...parts, Buffer.alloc(2 * BLOCK)]);
}

function headerOf({ path, mode = 0o444, owner = 0, modifiedAt }: ArchiveEntry, size: number): Buffer {
  const header = Buffer.alloc(BLOCK);
  header.write(path, 0);
  const octal = (value: number, at: number, digits: number): number =>
    header.write(value.toString(8).padStart(digits, "0"), at);
  octal(mode, 100, 7);
  octal(owner, 108, 7);
  octal(owner, 116, 7);
  octal(size, 124, 11);
  octal(Math.floor((modifiedAt?.getTime() ?? 0) / 1000), 136, 11);
  header.write(path.endsWith("/") ? "5" : "0", 156);
  header.write("ustar\0" + "00", 257);
  // The sum of all bytes, those of the sum itself taken as spaces.
  header.fill(" ", 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header[154] = 0;
  return header;
}
