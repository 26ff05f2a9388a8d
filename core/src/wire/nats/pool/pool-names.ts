import { InvalidOptionError } from "../../../base/errors.ts";
import { PROTOCOL_VERSION } from "../../protocol.ts";

/* What things of a pool are called in the server. */

export const DEFAULT_POOL = "default";
/** Who is there to work, and for whom: a key for each worker of each pool. */
export const POOLS_BUCKET = "muster-pools";
/** A worker that does not say so for so long is not there any more, in milliseconds. */
export const PRESENCE_MS = 10_000;
/** Which runs there are: a key for each. */
export const RUNS_BUCKET = "muster-runs";

/** Of the name of a flow, others are told so many characters: it is for people, and a message has a limit. */
const MAX_SHOWN_NAME = 200;

/** The name of a flow, as others at the server are told it. */
export function shownName(flowName: string): string {
  return flowName.length <= MAX_SHOWN_NAME ? flowName : `${flowName.slice(0, MAX_SHOWN_NAME)}…`;
}

const POOL_NAME = /^[A-Za-z0-9_-]{1,64}$/;

/** @throws InvalidOptionError */
export function checkPoolName(name: unknown, option: string): string {
  if (name === undefined) return DEFAULT_POOL;
  if (typeof name === "string" && POOL_NAME.test(name)) return name;
  const shown = typeof name === "string" ? JSON.stringify(name) : `of the type ${typeof name}`;
  throw new InvalidOptionError(
    option,
    `${option} is the name of a pool: up to 64 letters, digits, hyphens and underscores; but it is ${shown}.`,
  );
}

/** The queue of requests for lanes, and how many lanes runs could use. */
export function poolStream(pool: string): string {
  return `MUSTER_POOL_${pool}`;
}

export function poolSubjects(pool: string): string[] {
  return [`muster.pool.${pool}.want.>`, `muster.pool.${pool}.need.>`];
}

/** A run's request for a lane. Workers of another version of the protocol never see it. */
export function wantSubject(pool: string, token: string, runId: string): string {
  return `muster.pool.${pool}.want.v${PROTOCOL_VERSION}.${token}.${runId}`;
}

/** One of the lanes that a run could use. */
export function needSubject(pool: string, token: string, runId: string, number: number | "*"): string {
  return `muster.pool.${pool}.need.${token}.${runId}.${number}`;
}

/** What `needSubject` made it of. */
export function readNeedSubject(subject: string): { readonly token: string; readonly runId: string } {
  const [token, runId] = subject.split(".").slice(4);
  return { token: token!, runId: runId! };
}

/** Workers take requests for lanes of a class through this consumer. */
export function lanesConsumer(token: string): string {
  return `lanes-v${PROTOCOL_VERSION}-${token}`;
}

/** Nobody takes anything through this one: what is pending there is how many lanes of a class runs could use. */
export function demandConsumer(token: string): string {
  return `demand-${token}`;
}

/** Where it is said that there is a new class. */
export function newsSubject(pool: string): string {
  return `muster.pool.${pool}.news`;
}

/** Where a run hears of its lanes. */
export function runPoolSubject(runId: string): string {
  return `muster.run.${runId}.pool`;
}
