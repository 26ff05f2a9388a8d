import type Docker from "dockerode";

/** In every container whose lease was renewed: a file whose time says when, and whose size how often. */
const LEASE_FILE = "muster-lease";
/** Then it begins anew. */
const MAX_SIZE = 512;

/** A renewal of a lease. */
export interface Renewal {
  /** By the engine's clock. */
  readonly at: Date;
  /** The how-manieth: what each renewal changes, whatever clocks do. */
  readonly count: number;
}

/** Renews the lease of a container, whether it runs or not. */
export async function putLease(container: Docker.Container, { at, count }: Renewal): Promise<void> {
  const file = fileArchive(LEASE_FILE, { modifiedAt: at, size: count % MAX_SIZE });
  await container.putArchive(file, { path: "/" });
}

/** When the lease of a container was renewed last. @throws the engine's error 404 when it never was */
export async function readLease(
  container: Docker.Container,
): Promise<{ readonly at: Date; readonly mark: string }> {
  const answer = (await container.infoArchive({ path: `/${LEASE_FILE}` })) as NodeJS.ReadableStream & {
    readonly headers: Readonly<Record<string, string | undefined>>;
  };
  // Its end frees the connection.
  answer.resume();
  const stat = Buffer.from(answer.headers["x-docker-container-path-stat"] ?? "", "base64").toString();
  const { mtime, size } = JSON.parse(stat) as { mtime: string; size: number };
  return { at: new Date(mtime), mark: `${mtime} ${size}` };
}

/** An archive in the format ustar (POSIX.1-1988) with one file in it, of at most one block. */
function fileArchive(
  name: string,
  { modifiedAt, size }: { readonly modifiedAt: Date; readonly size: number },
): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  const octal = (value: number, at: number, digits: number): number =>
    header.write(value.toString(8).padStart(digits, "0"), at);
  octal(0o444, 100, 7);
  // Whom it belongs to, and its size.
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(size, 124, 11);
  octal(Math.floor(modifiedAt.getTime() / 1000), 136, 11);
  header.write("0", 156);
  header.write("ustar\0" + "00", 257);
  // The sum of all bytes, those of the sum itself taken as spaces.
  header.fill(" ", 148, 156);
  octal(
    header.reduce((sum, byte) => sum + byte, 0),
    148,
    6,
  );
  header[154] = 0;
  const content = Buffer.alloc(size === 0 ? 0 : 512);
  const end = Buffer.alloc(1024);
  return Buffer.concat([header, content, end]);
}
