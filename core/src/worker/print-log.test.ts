import { expect, test } from "vitest";
import type { LogEvent } from "../contracts/event.ts";
import { PrintMarker } from "../contracts/print-mark.ts";
import { PrintLog } from "./print-log.ts";

test("what tasks print becomes log lines of theirs, and the thread hears when they have left", async () => {
  const logged: LogEvent[] = [];
  const left = Promise.withResolvers<void>();
  const log = new PrintLog("w-1", (events) => {
    logged.push(...events);
    return left.promise;
  });
  const marker = new PrintMarker();
  const owner = { task: "add", taskRun: 3, attempt: 2 };
  let printed = false;
  const done = new Promise<void>((resolve) => {
    log.print(1, Buffer.from(marker.mark(Buffer.from("one\ntwo\nthr"), owner)), () => {
      printed = true;
      resolve();
    });
  });
  const of = { type: "log", level: "info", worker: "w-1", ...owner };
  expect(logged).toMatchObject([
    { ...of, message: "one" },
    { ...of, message: "two" },
  ]);
  expect(printed).toBe(false);
  left.resolve();
  await done;
  log.print(1, Buffer.from(marker.mark(Buffer.from("ee\n"), owner)), () => {});
  expect(logged.at(-1)).toMatchObject({ ...of, message: "three" });
});

test("a line without an end is logged when no more is to come, and the two streams do not mix", () => {
  const logged: string[] = [];
  const log = new PrintLog(
    "w-1",
    async (events) => void logged.push(...events.map(({ message }) => message)),
  );
  log.print(1, Buffer.from("out"), () => {});
  log.print(2, Buffer.from("err\n"), () => {});
  expect(logged).toEqual(["err"]);
  log.flush();
  expect(logged).toEqual(["err", "out"]);
});
