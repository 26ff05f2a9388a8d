import type Docker from "dockerode";

/** In every container whose lease was renewed: an empty file, whose time says when. */
const LEASE_FILE = "muster-lease";

/** Renews the lease of a container, whether it runs or not. */
export async function putLease(container: Docker.Container, leasedAt: Date): Promise<void> {
  await container.putArchive(emptyFileArchive(LEASE_FILE, leasedAt), { path: "/" });
}

/** When the lease of a container was renewed. @throws the engine's error 404 when it never was */
export async function readLease(container: Docker.Container): Promise<Date> {
  const answer = (await container.infoArchive({ path: `/${LEASE_FILE}` })) as NodeJS.ReadableStream & {
    readonly headers: Readonly<Record<string, string | undefined>>;
  };
  // Its end frees the connection.
  answer.resume();
  const stat = Buffer.from(answer.headers["x-docker-container-path-stat"] ?? "", "base64").toString();
  const { mtime } = JSON.parse(stat) as { mtime: string };
  return new Date(mtime);
}

/** An archive in the format ustar (POSIX.1-1988) with one file in it, of no bytes. */
function emptyFileArchive(name: string, modifiedAt: Date): Buffer {
  const header = Buffer.alloc(512);
  header.write(name, 0);
  const octal = (value: number, at: number, digits: number): number =>
    header.write(value.toString(8).padStart(digits, "0"), at);
  octal(0o444, 100, 7);
  // Whom it belongs to, and its size.
  octal(0, 108, 7);
  octal(0, 116, 7);
  octal(0, 124, 11);
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
  const end = Buffer.alloc(1024);
  return Buffer.concat([header, end]);
}
