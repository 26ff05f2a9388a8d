import { flow, MusterError, type State, task } from "@muster/core";
import { expect, test } from "vitest";
import { Child } from "./support/child.ts";
import { localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";
import { blobDirectoriesOf, processesWith, until } from "./support/left-behind.ts";

const work = task("work", (size: number) => new Uint8Array(size));
const fail = task("fail", () => {
  throw new Error("it broke");
});
const endless = task(
  "endless",
  (_value: Uint8Array) => new Promise<never>(() => setInterval(() => {}, 1000)),
);

/** What a run that is over has left on this machine. */
function leftOf(recorder: Recorder): { processes: number[]; directories: string[] } {
  return {
    processes: processesWith(`MUSTER_RUN_ID=${recorder.flowRunId}`),
    directories: blobDirectoriesOf(process.pid),
  };
}
const NOTHING: ReturnType<typeof leftOf> = { processes: [], directories: [] };

async function runAndLook(
  name: string,
  body: () => unknown,
  during: (recorder: Recorder, abort: () => void) => Promise<void> = async () => {},
): Promise<{ state: State; left: typeof NOTHING; workersSeen: number }> {
  const recorder = new Recorder();
  const controller = new AbortController();
  const running = flow({ name, executor: localWorkers({}, { cancelGraceMs: 100 }) }, body).run({
    onEvent: recorder.onEvent,
    signal: controller.signal,
  });
  await during(recorder, () => controller.abort());
  const state = await running;
  const workersSeen = recorder.of("worker").filter((event) => event.state === "gone").length;
  return { state, left: leftOf(recorder), workersSeen };
}

test("after a flow that succeeded nothing is left", async () => {
  const { state, left, workersSeen } = await runAndLook("succeeds", async () => {
    const values = await work.map([1, 200_000, 300_000]);
    return values.map((value) => value.length);
  });
  expect(state.unwrap()).toEqual([1, 200_000, 300_000]);
  expect({ left, workersSeen }).toEqual({ left: NOTHING, workersSeen: 2 });
});

test("after a task threw nothing is left, and what it left running was ended", async () => {
  const { state, left } = await runAndLook("fails", async () => {
    endless(work(200_000));
    await fail();
  });
  expect(state).toMatchObject({ name: "Failed", message: "it broke" });
  expect(left).toEqual(NOTHING);
});

test("after the flow's own function threw nothing is left", async () => {
  const { state, left } = await runAndLook("throws", async () => {
    endless(await work(200_000));
    throw new TypeError("not a task");
  });
  expect(state).toMatchObject({ name: "Failed", message: "not a task" });
  expect(left).toEqual(NOTHING);
});

test("after a cancel in the middle nothing is left", async () => {
  const { state, left } = await runAndLook(
    "cancelled",
    () => endless.map([work(200_000), work(10)]),
    async (recorder, abort) => {
      await recorder.first("task", (event) => event.name === "endless" && event.state === "Running");
      abort();
    },
  );
  expect(state.name).toBe("Cancelled");
  expect(left).toEqual(NOTHING);
});

test("after a cancel before the workers are there nothing is left", async () => {
  const { state, left } = await runAndLook(
    "cancelled-early",
    () => work(1),
    async (recorder, abort) => {
      await recorder.first("worker", (event) => event.state === "launching");
      abort();
    },
  );
  expect(state.name).toBe("Cancelled");
  expect(left).toEqual(NOTHING);
});

test("a run that was cancelled before it began starts no worker", async () => {
  const recorder = new Recorder();
  const early = flow({ name: "too-late", executor: localWorkers() }, () => work(1));
  const state = await early.run({ onEvent: recorder.onEvent, signal: AbortSignal.abort() });
  expect(state.name).toBe("Cancelled");
  expect(recorder.of("worker").filter((event) => event.state === "ready")).toEqual([]);
  expect(leftOf(recorder)).toEqual(NOTHING);
});

test("a cluster that cannot start says why, and nothing is left", async () => {
  const recorder = new Recorder();
  const executor = localWorkers({ env: { NODE_OPTIONS: "--no-such-option" }, maxBootFailures: 2 });
  const state = await flow({ name: "no-start", executor }, () => work(1)).run({ onEvent: recorder.onEvent });
  expect(state.name).toBe("Failed");
  expect(state.error).toBeInstanceOf(MusterError);
  expect(state.error).toMatchObject({ code: "CLUSTER_START" });
  expect(state.message).toContain("--no-such-option is not allowed in NODE_OPTIONS");
  expect(leftOf(recorder)).toEqual(NOTHING);

  const missing = localWorkers({ command: () => ["/no/such/program"] });
  const second = await flow({ name: "no-program", executor: missing }, () => work(1)).run();
  expect(second.message).toContain("/no/such/program");
});

test.each(["SIGINT", "SIGTERM"] as const)("after %s to muster run nothing is left", async (signal) => {
  await using child = Child.muster(["run", Child.pathOf("endless.ts")]);
  await child.printed(/waiting/);
  expect(child.workers()).toHaveLength(2);
  // As a terminal does: to all of the group, but workers are in groups of their own.
  child.killGroup(signal);
  expect(await child.ended).toMatchObject({ exitCode: 130 });
  expect({ processes: child.processes(), directories: blobDirectoriesOf(child.pid) }).toEqual(NOTHING);
});

test("a program that exits in the middle of a run leaves nothing", async () => {
  await using child = Child.fixture("exits.ts");
  expect(await child.ended).toMatchObject({ exitCode: 7 });
  await until(() => child.processes().length === 0);
  expect(blobDirectoriesOf(child.pid)).toEqual([]);
});

test("a program that ends by an uncaught error in the middle of a run leaves nothing", async () => {
  await using child = Child.fixture("exits.ts", ["throw"]);
  const { exitCode, stderr } = await child.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 1, stderr: expect.stringContaining("thrown on purpose") });
  await until(() => child.processes().length === 0);
  expect(blobDirectoriesOf(child.pid)).toEqual([]);
});

test("after kill -9 of the driver its workers end by themselves, and take the large values with them", async () => {
  await using child = Child.fixture("endless.ts");
  await child.printed(/waiting/);
  expect(child.workers()).toHaveLength(2);
  expect(blobDirectoriesOf(child.pid)).toHaveLength(1);
  child.kill("SIGKILL");
  await child.ended;
  await until(() => child.processes().length === 0);
  expect(blobDirectoriesOf(child.pid)).toEqual([]);
});
