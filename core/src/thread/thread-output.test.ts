import { expect, test } from "vitest";
import { PrintCount } from "./thread-output.ts";

test("it waits for what was sent and has not been printed, and for no more", () => {
  const thread = new PrintCount();
  const main = new PrintCount(thread.buffer);
  thread.sent();
  main.printed();
  expect(thread.wait(60_000)).toBe(true);
  thread.sent();
  // Nobody prints it: the wait ends by itself.
  expect(thread.wait(1)).toBe(false);
});
