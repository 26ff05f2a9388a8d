import type Docker from "dockerode";
import { fileArchive } from "./file-archive.ts";

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
  const content = Buffer.alloc(count % MAX_SIZE);
  const file = fileArchive([{ path: LEASE_FILE, modifiedAt: at, content }]);
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
