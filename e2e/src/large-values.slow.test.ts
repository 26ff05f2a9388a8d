import { flow, task } from "@muster/core";
import { expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";

const size = task("size", (bytes: Uint8Array) => bytes.length);
const make = task("make", (length: number) => new Uint8Array(length));

test("a value of 512 MiB goes to a worker, to the next, and back", async () => {
  const length = 512 * 2 ** 20;
  const large = flow({ name: "large", executor: localWorkers({ workers: 2 }) }, async () => {
    const made = make(length);
    const sizes = await size.map([made, made, new Uint8Array(length)]);
    return [...sizes, (await made).length];
  });
  expect((await large.run()).unwrap()).toEqual([length, length, length, length]);
});
