import { expect, test } from "vitest";
import type { StateName } from "../contracts/event.ts";
import { type FailedTask, State } from "../flow/index.ts";
import { kindsOfFailure } from "./failed-tasks.ts";

function failed(name: string, state: StateName, message: string): FailedTask {
  return { id: 1, name, state: new State(state, { error: new Error(message) }) };
}

test("failures of one name and message are one, and what only followed from others is left out", () => {
  const kinds = kindsOfFailure([
    ...Array.from({ length: 1000 }, () => failed("fetch", "Failed", "503")),
    failed("fetch", "Failed", "404"),
    failed("parse", "Crashed", "worker w-1 is gone"),
    failed("merge", "UpstreamFailed", "fetch did not succeed"),
    failed("wait", "Cancelled", "Ctrl-C"),
  ]);
  expect(kinds).toMatchObject([
    { name: "fetch", count: 1000, error: { message: "503" } },
    { name: "fetch", count: 1, error: { message: "404" } },
    { name: "parse", count: 1, error: { message: "worker w-1 is gone" } },
  ]);
});
