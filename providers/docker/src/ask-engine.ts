import { DeadlineError, MusterError, withDeadline } from "@muster/core";
import type Docker from "dockerode";
import { addressOf } from "./connect.ts";

/** Milliseconds that an engine has for an answer. One that is well takes some, one under load seconds. */
export const ANSWER_MS = 20_000;
/** What makes, starts or removes a container may take so much longer. */
export const WORK_FACTOR = 3;

export interface AskOptions {
  /** Milliseconds. @default 20000 */
  readonly timeoutMs?: number | undefined;
  /** Ends the question, and what streams from the answer. */
  readonly signal?: AbortSignal | undefined;
}

/** An engine that did not answer. */
export class SilentEngineError extends MusterError {
  constructor(docker: Docker, what: string, timeoutMs: number) {
    super(
      "CLUSTER_START",
      `The Docker engine at ${addressOf(docker)} was asked to ${what}, and has not answered for ${timeoutMs / 1000} s: it hangs, or something else listens there. Restart it, or set DOCKER_HOST to one that works.`,
    );
  }
}

/**
 * The engine's answer to a question. One that never answers, stops in the middle or trickles is given up at the deadline,
 * and its connection is closed: dockerode would wait for ever.
 * @param what it is asked to do: `"list its containers"`
 * @throws SilentEngineError, MusterError `CANCELLED`, and what dockerode throws
 */
export async function askEngine<T>(
  docker: Docker,
  what: string,
  question: (docker: Docker) => Promise<T>,
  { timeoutMs = ANSWER_MS, signal }: AskOptions = {},
): Promise<T> {
  const giveUp = new AbortController();
  const ends = signal === undefined ? giveUp.signal : AbortSignal.any([signal, giveUp.signal]);
  const title = `Asking the Docker engine at ${addressOf(docker)} to ${what}`;
  try {
    return await withDeadline(question(endedBy(docker, ends)), title, { timeoutMs, signal });
  } catch (error) {
    giveUp.abort();
    throw error instanceof DeadlineError ? new SilentEngineError(docker, what, timeoutMs) : error;
  }
}

/** The same engine, whose connections end with a signal. */
function endedBy(docker: Docker, abortSignal: AbortSignal): Docker {
  const modem = Object.create(docker.modem as object, {
    dial: {
      value: (options: object, answered: unknown) =>
        (docker.modem as { dial(...args: unknown[]): void }).dial({ ...options, abortSignal }, answered),
    },
  }) as unknown;
  return Object.create(docker, { modem: { value: modem } }) as Docker;
}
