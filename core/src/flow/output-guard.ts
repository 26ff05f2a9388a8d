/** What writing to a terminal that was closed, or to a program that has ended, gives. */
const NOBODY_READS = new Set(["EIO", "EPIPE"]);

let guards = 0;

const ignore = (error: NodeJS.ErrnoException): void => {
  if (!NOBODY_READS.has(error.code ?? "")) throw error;
};

/**
 * Until the returned function is called, output that nobody reads any more ends nothing: a run whose terminal was closed
 * still removes what it made.
 */
export function guardOutput(): () => void {
  if (guards++ === 0) for (const stream of [process.stdout, process.stderr]) stream.on("error", ignore);
  return () => {
    // The error of a write comes a moment after it.
    setImmediate(() => {
      if (--guards === 0) for (const stream of [process.stdout, process.stderr]) stream.off("error", ignore);
    });
  };
}
