import { appendFileSync, readFileSync } from "node:fs";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { flow, InvalidOptionError, MusterError, task } from "@muster/core";
import { afterAll, beforeAll, expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "muster-resources-"));
});
afterAll(() => rm(directory, { recursive: true, force: true }));

/** Writes when it begins and ends: what a task did is seen by all, whatever becomes of its worker. */
async function occupy(file: string, ms: number): Promise<void> {
  appendFileSync(file, "+");
  await new Promise((resolve) => setTimeout(resolve, ms));
  appendFileSync(file, "-");
}
function mostAtOnce(file: string): number {
  let now = 0;
  let most = 0;
  for (const step of readFileSync(file, "utf8")) {
    now += step === "+" ? 1 : -1;
    most = Math.max(most, now);
  }
  return most;
}

const onGpu = task({ name: "on-gpu", resources: { GPU: 1 } }, occupy);
const tagged = task({ name: "tagged", tags: ["muster-resource:GPU=1", "nightly"] }, occupy);
const taggedForDask = task({ name: "tagged-for-dask", tags: ["dask-resource:GPU=1"] }, occupy);
const anywhere = task("anywhere", occupy);
const onTwo = task({ name: "on-two", resources: { GPU: 2 } }, occupy);
const greedy = task({ name: "greedy", resources: { GPU: 3, TPU: 1 } }, () => 1);

test("tasks that need a GPU run as many at once as there are, by option and by both spellings of the tag", async () => {
  const file = join(directory, "gpus");
  const executor = localWorkers({ workers: 1, threadsPerWorker: 4, resources: { GPU: 2 } });
  const state = await flow({ name: "gpus", executor }, () => {
    for (const one of [onGpu, tagged, taggedForDask]) {
      one.map(
        Array.from({ length: 4 }, () => file),
        Array.from({ length: 4 }, () => 40),
      );
    }
  }).run();
  expect(state.name).toBe("Success");
  expect(readFileSync(file, "utf8")).toHaveLength(24);
  expect(mostAtOnce(file)).toBe(2);
});

test("one that needs both takes both, and those that need none are not held up", async () => {
  const [file, free] = [join(directory, "both"), join(directory, "free")];
  const executor = localWorkers({ workers: 1, threadsPerWorker: 4, resources: { GPU: 2 } });
  const state = await flow({ name: "both", executor }, () => {
    onTwo.map([file, file, file], [40, 40, 40]);
    anywhere.map(
      Array.from({ length: 12 }, () => free),
      Array.from({ length: 12 }, () => 40),
    );
  }).run();
  expect(state.name).toBe("Success");
  expect({ both: mostAtOnce(file), free: mostAtOnce(free) }).toEqual({ both: 1, free: expect.any(Number) });
  expect(mostAtOnce(free)).toBeGreaterThan(1);
});

test("what no worker can have fails at submission, and lists what there is", async () => {
  const executor = localWorkers({ workers: 1, resources: { GPU: 2, DISK: 100 } });
  let atSubmission: unknown;
  const state = await flow({ name: "greedy", executor }, () => {
    try {
      return greedy();
    } catch (error) {
      atSubmission = error;
      throw error;
    }
  }).run();
  expect(atSubmission).toBeInstanceOf(MusterError);
  expect(atSubmission).toMatchObject({ code: "UNSATISFIABLE_RESOURCES" });
  expect(state.message).toMatch(/^Task "greedy" can never run: it needs GPU: 3, TPU: 1/);
  expect(state.message).toContain("GPU: 2");
  expect(state.message).toContain("DISK: 100");
});

test.each(["muster-resource:GPU", "muster-resource:GPU=", "dask-resource:=1", "dask-resource:GPU=one"])(
  "the tag %s is an error",
  (tag) => {
    const define = () => task({ name: "mistagged", tags: [tag] }, () => 1);
    expect(define).toThrow(InvalidOptionError);
    expect(define).toThrow(
      `Task "mistagged": tags has "${tag}", and should say muster-resource:NAME=NUMBER.`,
    );
  },
);

const write = (file: string, text: string) => appendFileSync(file, `${text} `);
const low = task({ name: "low", priority: -1 }, write);
const normal = task("normal", write);
const high = task({ name: "high", priority: 10 }, write);

test("higher priority goes first, and equals go in the order of submission", async () => {
  const file = join(directory, "order");
  const executor = localWorkers({ workers: 1 });
  const state = await flow({ name: "order", executor }, () => {
    for (let n = 1; n <= 3; n++) {
      low(file, `low-${n}`);
      normal(file, `normal-${n}`);
      high(file, `high-${n}`);
    }
  }).run();
  expect(state.name).toBe("Success");
  expect(readFileSync(file, "utf8").trim().split(" ")).toEqual(
    ["high", "normal", "low"].flatMap((name) => [1, 2, 3].map((n) => `${name}-${n}`)),
  );
});
