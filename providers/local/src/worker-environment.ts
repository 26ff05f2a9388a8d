/**
 * The environment of a worker process: this process's own, with what the worker needs on top. NODE_OPTIONS stays
 * as it is, so that a worker runs like the program that started it (and says itself what is wrong with them),
 * except for the debugger: two processes cannot listen on its one port.
 */
export function workerEnvironment(
  own: NodeJS.ProcessEnv,
  wanted: Readonly<Record<string, string>>,
): Record<string, string | undefined> {
  const environment = { ...own, ...wanted };
  const nodeOptions = environment["NODE_OPTIONS"];
  if (nodeOptions === undefined) return environment;
  const kept = nodeOptions.replace(DEBUGGER_OPTION, "").trim();
  return { ...environment, NODE_OPTIONS: kept === "" ? undefined : kept };
}

/** `--inspect`, `--inspect-brk=9229`, `--inspect-port 0`, … */
const DEBUGGER_OPTION = /(?<!\S)--inspect(-brk|-wait)?(=\S*)?(?!\S)|(?<!\S)--(inspect|debug)-port[= ]\S+/g;
