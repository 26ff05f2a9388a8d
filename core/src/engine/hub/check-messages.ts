import { MusterError } from "../../base/errors.ts";
import type { LogEvent } from "../../contracts/event.ts";
import type {
  HelloMessage,
  LaneEndedMessage,
  LaneMessage,
  RestMessage,
  ReturnedMessage,
} from "../../wire/protocol.ts";

/* What comes from a worker is decoded, but nobody has promised what it is. Whatever is used of it is looked at here. */

/** Far more than any machine has. */
const MAX_SLOTS = 100_000;
const WORKER_ID = /^[a-z0-9][a-z0-9-]{0,62}$/;
const LEVELS: readonly unknown[] = ["debug", "info", "warn", "error"];

/** @throws MusterError `PROTOCOL` */
export function checkHello(message: unknown): HelloMessage {
  const hello = message as HelloMessage;
  const { workerId, threads, tasksPerThread, resources, node, host, pid, isResting } = hello;
  const fits =
    typeof workerId === "string" &&
    WORKER_ID.test(workerId) &&
    [threads, tasksPerThread].every((count) => Number.isInteger(count) && count >= 1) &&
    threads * tasksPerThread <= MAX_SLOTS &&
    isRecord(resources) &&
    Object.values(resources).every((amount) => typeof amount === "number" && amount >= 0) &&
    typeof node === "string" &&
    typeof host === "string" &&
    Number.isInteger(pid) &&
    (isResting === undefined || typeof isResting === "boolean");
  if (fits) return hello;
  throw new MusterError("PROTOCOL", "A worker said what it is in a way that makes no sense.");
}

/** @throws MusterError `PROTOCOL` */
export function checkPairs(ids: unknown): readonly number[] {
  if (Array.isArray(ids) && ids.length % 2 === 0 && ids.every(Number.isInteger)) return ids as number[];
  throw new MusterError("PROTOCOL", "A worker named attempts in a way that makes no sense.");
}

/** @throws MusterError `PROTOCOL` */
export function checkLane(message: unknown): LaneMessage {
  const { workerId, lane } = message as LaneMessage;
  if (typeof workerId === "string" && WORKER_ID.test(workerId) && isNumber(lane)) return { workerId, lane };
  throw new MusterError("PROTOCOL", "A thread said what it is in a way that makes no sense.");
}

/** @throws MusterError `PROTOCOL` */
export function checkReturned(message: unknown): ReturnedMessage {
  const { lane, from, end } = message as ReturnedMessage;
  if ([lane, from, end].every(isNumber)) return { lane, from, end };
  throw new MusterError("PROTOCOL", "A worker gave tasks back in a way that makes no sense.");
}

/** @throws MusterError `PROTOCOL` */
export function checkRest(message: unknown): RestMessage {
  const { turn } = message as RestMessage;
  if (isNumber(turn)) return { turn };
  throw new MusterError("PROTOCOL", "A worker woke in a way that makes no sense.");
}

/** @throws MusterError `PROTOCOL` */
export function checkLaneEnded(message: unknown): LaneEndedMessage {
  const { lane, next, ended, death, unusable } = message as LaneEndedMessage;
  const fits =
    [lane, next].every(isNumber) &&
    Array.isArray(ended) &&
    ended.every(isNumber) &&
    isRecord(death) &&
    typeof death.reason === "string" &&
    typeof death.outOfMemory === "boolean" &&
    typeof death.deliberate === "boolean" &&
    (unusable === undefined || typeof unusable === "string");
  if (fits) {
    const { reason, outOfMemory, deliberate } = death;
    return { lane, next, ended, death: { reason, outOfMemory, deliberate }, unusable };
  }
  throw new MusterError("PROTOCOL", "A worker told of the end of a thread in a way that makes no sense.");
}

/** Of 32 bits. */
function isNumber(value: unknown): value is number {
  return Number.isInteger(value) && (value as number) >= 0 && (value as number) <= 0xffffffff;
}

/** @throws MusterError `PROTOCOL` */
export function checkLog(events: unknown): readonly LogEvent[] {
  if (Array.isArray(events) && events.every(isLogEvent)) return events;
  throw new MusterError("PROTOCOL", "A worker logged something that is no log line.");
}

function isLogEvent(event: unknown): event is LogEvent {
  if (!isRecord(event)) return false;
  const { type, at, level, message, worker, task, taskRun, attempt, data } = event;
  return (
    type === "log" &&
    Number.isFinite(at) &&
    LEVELS.includes(level) &&
    typeof message === "string" &&
    (worker === undefined || typeof worker === "string") &&
    (task === undefined || typeof task === "string") &&
    (taskRun === undefined || Number.isInteger(taskRun)) &&
    (attempt === undefined || Number.isInteger(attempt)) &&
    (data === undefined || isRecord(data))
  );
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === "object" && value !== null && !Array.isArray(value);
}
