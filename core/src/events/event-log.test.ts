import { expect, test } from "vitest";
import type { MusterEvent } from "../contracts/event.ts";
import { EventLog } from "./event-log.ts";

function line(message: string): MusterEvent {
  return { type: "log", at: 0, level: "info", message };
}

test("every listener sees every event in order, from when it subscribes until it leaves", () => {
  const log = new EventLog();
  const first: MusterEvent[] = [];
  const second: MusterEvent[] = [];
  const leave = log.subscribe((event) => first.push(event));
  log.emit(line("a"));
  log.subscribe((event) => second.push(event));
  log.emit(line("b"));
  leave();
  leave();
  log.emit(line("c"));
  expect(first).toEqual([line("a"), line("b")]);
  expect(second).toEqual([line("b"), line("c")]);
});

test("it keeps the last events only, however many there were", () => {
  const log = new EventLog({ capacity: 2 });
  expect(log.recent()).toEqual([]);
  for (const message of ["a", "b", "c"]) log.emit(line(message));
  expect(log.recent()).toEqual([line("b"), line("c")]);
});
