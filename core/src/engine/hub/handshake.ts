import { timingSafeEqual } from "node:crypto";
import type { Duplex } from "node:stream";
import { PREAMBLE_BYTES } from "../../wire/protocol.ts";

/** A stranger has so long to say who it is, in milliseconds. */
const DEADLINE_MS = 10_000;

/**
 * Resolves to `true` when the first bytes of a connection are the expected ones, and to `false`, with the connection
 * closed, for all else. Not a byte is decoded, and no more are read than are compared.
 */
export function authenticate(socket: Duplex, expected: Buffer): Promise<boolean> {
  return new Promise((resolve) => {
    const finish = (isFriend: boolean): void => {
      clearTimeout(deadline);
      socket.off("readable", onReadable);
      socket.off("close", onClose);
      if (!isFriend) socket.destroy();
      resolve(isFriend);
    };
    const onReadable = (): void => {
      const bytes = socket.read(PREAMBLE_BYTES) as Buffer | null;
      if (bytes !== null) finish(bytes.length === expected.length && timingSafeEqual(bytes, expected));
    };
    const onClose = (): void => finish(false);
    const deadline = setTimeout(() => finish(false), DEADLINE_MS);
    deadline.unref();
    socket.on("error", () => {});
    socket.on("readable", onReadable);
    socket.on("close", onClose);
  });
}
