import { delay } from "@muster/core";
import type Docker from "dockerode";
import { askEngine } from "./ask-engine.ts";

/** What the engine says of a container, as far as it matters here. */
export interface ContainerEvent {
  readonly type: "event";
  readonly action: string;
  readonly containerId: string;
  readonly labels: Readonly<Record<string, string | undefined>>;
  /** With `die`. */
  readonly exitCode: number | undefined;
}

/** `connected`: again, after the stream broke. Events may have been missed, so the containers should be listed. */
export type EngineNews = ContainerEvent | { readonly type: "connected" };

export interface EngineEventsOptions {
  /** Of the containers. */
  readonly label: string;
  /** Seconds since 1970, by the engine's clock: what happened since then is told, too. */
  readonly since: number;
  readonly signal: AbortSignal;
  /** Milliseconds that the engine has to begin. */
  readonly timeoutMs?: number | undefined;
}

const ACTIONS = ["start", "oom", "die", "destroy"];
/** Milliseconds between attempts to connect again. */
const RETRY_MS = 500;
/** Milliseconds after which an engine that does not come back is given up. */
const GIVE_UP_MS = 60_000;

interface RawEvent {
  readonly Action?: string;
  readonly time?: number;
  readonly Actor?: { readonly ID: string; readonly Attributes: Record<string, string | undefined> };
}

/**
 * Tells of all containers that carry a label, over one connection, which is made again when it breaks. Some events may
 * come twice.
 * @throws what the engine said last, when it does not come back
 */
export async function* engineEvents(
  docker: Docker,
  options: EngineEventsOptions,
): AsyncGenerator<EngineNews, void> {
  const { label, signal } = options;
  let { since } = options;
  let lostAt: number | undefined;
  while (!signal.aborted) {
    try {
      const filters = { type: ["container" as const], label: [label], event: ACTIONS };
      const listen = (asked: Docker) => asked.getEvents({ since, filters });
      const stream = await askEngine(docker, "tell of its events", listen, options);
      (stream as NodeJS.ReadableStream & { socket?: { unref(): void } }).socket?.unref();
      if (lostAt !== undefined) yield { type: "connected" };
      lostAt = undefined;
      for await (const line of lines(stream, signal)) {
        const { Action: action, time, Actor: actor } = JSON.parse(line) as RawEvent;
        if (time !== undefined) since = time;
        if (action === undefined || actor === undefined) continue;
        const code = actor.Attributes["exitCode"];
        const exitCode = code === undefined ? undefined : Number(code);
        yield { type: "event", action, containerId: actor.ID, labels: actor.Attributes, exitCode };
      }
    } catch (error) {
      if (signal.aborted) return;
      if (lostAt !== undefined && performance.now() - lostAt > GIVE_UP_MS) throw error;
    }
    if (signal.aborted) return;
    lostAt ??= performance.now();
    await delay(RETRY_MS, { signal }).catch(() => undefined);
  }
}

/** Chunks end anywhere; an event ends with a line break. */
async function* lines(stream: NodeJS.ReadableStream, signal: AbortSignal): AsyncGenerator<string, void> {
  const stop = (): void => void (stream as NodeJS.ReadableStream & { destroy(): void }).destroy();
  signal.addEventListener("abort", stop, { once: true });
  let rest = "";
  try {
    for await (const chunk of stream) {
      const parts = (rest + chunk.toString()).split("\n");
      rest = parts.pop()!;
      yield* parts.filter((part) => part.trim() !== "");
    }
  } finally {
    signal.removeEventListener("abort", stop);
  }
}
