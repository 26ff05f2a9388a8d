/** How a worker's process ends, so that a provider's exit code says why. */
export const WorkerExitCode = {
  /** It was told to, or drained. */
  done: 0,
  /** Its settings or its engine's address are wrong. */
  usage: 2,
  /** It could not reach its engine, or was refused. */
  noEngine: 3,
  /** It lost its engine. */
  engineLost: 4,
  /** Its threads cannot start. */
  broken: 5,
} as const;
