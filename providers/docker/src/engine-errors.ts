import { MusterError } from "@muster/core";

/** What dockerode throws: an error of the connection, or the engine's answer with its HTTP status. */
interface EngineError extends Error {
  readonly code?: string;
  readonly statusCode?: number;
  readonly json?: { readonly message?: string } | null;
}

/** The engine's HTTP status, if it answered at all. */
export function statusOf(error: unknown): number | undefined {
  return (error as EngineError).statusCode;
}

/** Whether the thing is gone already, or about to be. */
export function isGone(error: unknown): boolean {
  const status = statusOf(error);
  return status === 404 || (status === 409 && /removal .*in progress|is not running/.test(wordsOf(error)));
}

/** The engine's own words, without the frame that dockerode puts around them. */
export function wordsOf(error: unknown): string {
  const { json, message } = error as EngineError;
  return (json?.message ?? message.replace(/^\(HTTP code \d+\) [^-]* - /, "")).trim().replace(/\.$/, "");
}

/**
 * One sentence, without its full stop, on what went wrong and what to do, from what dockerode threw.
 * @param address where the engine is thought to be
 */
export function explain(error: unknown, address: string): string {
  if (error instanceof MusterError) return error.message.replace(/\.$/, "");
  const { code } = error as EngineError;
  const words = wordsOf(error);
  switch (code) {
    case "ENOENT":
    case "ECONNREFUSED":
      return `Docker does not run, or not at ${address}: start it, or set DOCKER_HOST to where it is (${words})`;
    case "EACCES":
    case "EPERM":
      return `You may not use Docker's socket ${address}: become a member of the group "docker", or set DOCKER_HOST to an engine that is yours (${words})`;
    case "ENOTFOUND":
    case "ETIMEDOUT":
    case "EHOSTUNREACH":
    case "ECONNRESET":
      return `The Docker engine at ${address} cannot be reached: check DOCKER_HOST (${words})`;
  }
  if (/no space left on device/i.test(words))
    return `The disk of the Docker engine is full: "docker system prune" frees what nobody uses (${words})`;
  const network = /network (\S+) not found/i.exec(words)?.[1];
  if (network !== undefined)
    return `The Docker engine has no network ${quoted(network)}: "docker network create ${network}" makes it`;
  return words;
}

/** The same, as an error. */
export function engineError(error: unknown, address: string): MusterError {
  if (error instanceof MusterError) return error;
  return new MusterError("CLUSTER_START", `${explain(error, address)}.`, { cause: error });
}

/** Whether trying again cannot help. */
export function isPermanent(error: unknown): boolean {
  const status = statusOf(error);
  // 400 and 404 are the request's own fault; of what the engine could not do, only what the image or options say.
  if (status === 400 || status === 404) return true;
  return /executable file not found|no such file or directory: unknown|permission denied: unknown|invalid|unable to find user/i.test(
    wordsOf(error),
  );
}

function quoted(text: string): string {
  return `"${text.replaceAll('"', "")}"`;
}
