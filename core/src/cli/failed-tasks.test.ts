import { expect, test } from "vitest";
import type { StateName } from "../events/event.ts";
import { FailedTasks } from "./failed-tasks.ts";

function record(failed: FailedTasks, name: string, state: StateName, message: string): void {
  failed.record({ type: "task", at: 0, id: 1, name, state, attempt: 1, message });
}

test("failures of one name and message are one, however many they are", () => {
  const failed = new FailedTasks();
  for (let n = 0; n < 1000; n++) record(failed, "fetch", "Failed", "503");
  record(failed, "fetch", "Failed", "404");
  record(failed, "parse", "Crashed", "worker w-1 is gone");
  record(failed, "merge", "UpstreamFailed", "fetch did not succeed");
  expect(failed.kinds).toEqual([
    { name: "fetch", message: "503", count: 1000 },
    { name: "fetch", message: "404", count: 1 },
    { name: "parse", message: "worker w-1 is gone", count: 1 },
  ]);
});

test("more than ten different failures are only counted", () => {
  const failed = new FailedTasks();
  for (let n = 0; n < 15; n++) record(failed, "fetch", "Failed", `no page ${n}`);
  expect(failed.kinds).toHaveLength(10);
  expect(failed.others).toBe(5);
});
