import { expect, test } from "vitest";
import { Child } from "./support/child.ts";

test("a million futures in one flow need less than 1.5 GiB in the driver", async () => {
  await using child = Child.fixture("million.ts", ["1000000"]);
  const { exitCode, stdout, stderr } = await child.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  const { sum, peakRssBytes, bytesPerTask } = JSON.parse(stdout);
  console.log(
    `${bytesPerTask} bytes a task, at most ${Math.round(peakRssBytes / 2 ** 20)} MiB in the driver`,
  );
  expect(sum).toBe(1_000_000);
  expect(peakRssBytes).toBeLessThan(1.5 * 2 ** 30);
});
