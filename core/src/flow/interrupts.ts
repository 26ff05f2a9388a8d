const SIGNALS = ["SIGINT", "SIGTERM"] as const;
export type Interrupt = (typeof SIGNALS)[number];

/** Calls back for each Ctrl-C and SIGTERM, instead of the process ending, until the returned function is called. */
export function onInterrupt(callback: (signal: Interrupt, count: number) => void): () => void {
  let count = 0;
  const listener = (signal: NodeJS.Signals): void => callback(signal as Interrupt, ++count);
  for (const signal of SIGNALS) process.on(signal, listener);
  return () => {
    for (const signal of SIGNALS) process.off(signal, listener);
  };
}
