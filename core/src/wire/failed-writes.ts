import type { Duplex } from "node:stream";

/**
 * A stream of Node's destroys itself when a write fails, together with what has come over it and was not read. From now
 * on this one does not: a failed write counts as done, as what is written after it, and reading goes on to the end.
 * @param failed told once
 */
export function readOnAfterFailedWrites(stream: Duplex, failed: (error: Error) => void): void {
  const { _write: write, _writev: writev, _final: final } = stream;
  let hasFailed = false;
  const tolerant =
    (done: (error?: Error | null) => void) =>
    (error?: Error | null): void => {
      if (error && !hasFailed) {
        hasFailed = true;
        failed(error);
      }
      done();
    };
  stream._write = (chunk, encoding, done) => {
    if (hasFailed) done();
    else write.call(stream, chunk, encoding, tolerant(done));
  };
  // Not every stream has these two.
  if (typeof writev === "function") {
    stream._writev = (chunks, done) => {
      if (hasFailed) done();
      else writev.call(stream, chunks, tolerant(done));
    };
  }
  if (typeof final === "function") {
    stream._final = (done) => {
      if (hasFailed) done();
      else final.call(stream, tolerant(done));
    };
  }
}
