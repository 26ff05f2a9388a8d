import { text } from "node:stream/consumers";
import type Docker from "dockerode";
import tar from "tar-stream";
import { LEASE_FILE, SECRET_FILE, workerPath } from "./labels.ts";

/** A file for a container. */
interface ContainerFile {
  readonly path: string;
  readonly content: string | Buffer;
  /** @default 0o444 */
  readonly mode?: number;
  /** Whom it belongs to. @default 0 */
  readonly uid?: number;
  readonly modifiedAt?: Date;
}

export interface WorkerFiles {
  /** For the worker's user alone. */
  readonly secret: string;
  readonly uid: number;
  /** Undefined when the image has it. */
  readonly worker: Buffer | undefined;
  readonly leasedAt: Date;
}

/** Puts all that a worker needs into its container, which does not run yet. */
export function putWorkerFiles(container: Docker.Container, files: WorkerFiles): Promise<void> {
  const { secret, uid, worker, leasedAt } = files;
  return putFiles(container, [
    { path: SECRET_FILE, content: secret, mode: 0o400, uid },
    ...(worker === undefined ? [] : [{ path: workerPath(), content: worker }]),
    leaseFile(leasedAt),
  ]);
}

/** Renews the lease of a container, whether it runs or not. */
export function putLease(container: Docker.Container, leasedAt: Date): Promise<void> {
  return putFiles(container, [leaseFile(leasedAt)]);
}

/** When the lease of a container was renewed; undefined when it never was. */
export async function readLease(container: Docker.Container): Promise<Date | undefined> {
  const answer = (await container.infoArchive({ path: LEASE_FILE })) as NodeJS.ReadableStream & {
    readonly headers: Readonly<Record<string, string | undefined>>;
  };
  answer.resume();
  const stat = answer.headers["x-docker-container-path-stat"];
  if (stat === undefined) return undefined;
  const { mtime } = JSON.parse(Buffer.from(stat, "base64").toString()) as { mtime: string };
  return new Date(mtime);
}

/** The number of a user of the container's image, whose name only the image's own list of users knows. */
export async function userNumber(container: Docker.Container, user: string): Promise<number> {
  const name = user.split(":")[0]!;
  if (/^\d*$/.test(name)) return Number(name);
  const archive = await container.getArchive({ path: "/etc/passwd" });
  const extract = tar.extract();
  const found = new Promise<string>((resolve, reject) => {
    extract.on("entry", (_header, stream, next) => {
      text(stream).then(resolve, reject);
      stream.on("end", next);
    });
    extract.on("error", reject);
    archive.on("error", reject);
  });
  archive.pipe(extract);
  const line = (await found).split("\n").find((one) => one.startsWith(`${name}:`));
  if (line === undefined) throw new Error(`unable to find user ${name} in /etc/passwd of the image`);
  return Number(line.split(":")[2]);
}

function leaseFile(modifiedAt: Date): ContainerFile {
  return { path: LEASE_FILE, content: "", modifiedAt };
}

async function putFiles(container: Docker.Container, files: readonly ContainerFile[]): Promise<void> {
  await container.putArchive(await archiveOf(files), { path: "/" });
}

async function archiveOf(files: readonly ContainerFile[]): Promise<Buffer> {
  const pack = tar.pack();
  for (const { path, content, mode = 0o444, uid = 0, modifiedAt } of files) {
    pack.entry({ name: path.slice(1), mode, uid, gid: 0, mtime: modifiedAt }, content);
  }
  pack.finalize();
  return Buffer.concat(await Array.fromAsync(pack as AsyncIterable<Buffer>));
}
