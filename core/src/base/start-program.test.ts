import { closeSync, openSync } from "node:fs";
import { text } from "node:stream/consumers";
import { expect, onTestFinished, test } from "vitest";

import { SimulatedClock } from "./clock.ts";
import { type StartProgramError, startProgram } from "./start-program.ts";

const failure = (start: Promise<unknown>): Promise<StartProgramError> =>
  start.then(
    () => Promise.reject(new Error("It did not fail.")),
    (error: StartProgramError) => error,
  );

/** A child tells of its failure a moment later. */
const aMoment = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Opens files until the system gives no more. */
function exhaustFiles(): () => void {
  const files: number[] = [];
  const free = (): void => {
    for (const file of files.splice(0)) closeSync(file);
  };
  onTestFinished(free);
  try {
    for (;;) files.push(openSync("/dev/null", "r"));
  } catch {
    return free;
  }
}

test("what a program prints can be read", async () => {
  const program = await startProgram([process.execPath, "--print", "process.env.WORD"], {
    env: { WORD: "hi" },
  });
  expect(await text(program.stdout)).toBe("hi\n");
});

test("a program that is not there, or too large an environment: for good, and with what to do", async () => {
  const none = await failure(startProgram(["/nowhere/node"], { env: {} }));
  expect(none).toMatchObject({
    name: "StartProgramError",
    code: "CLUSTER_START",
    permanent: true,
    message: "the program /nowhere/node cannot be started: spawn /nowhere/node ENOENT",
  });
  const large = await failure(startProgram(["true"], { env: { LARGE: "x".repeat(2 ** 23) } }));
  expect(large).toMatchObject({
    permanent: true,
    message: expect.stringContaining("give large values to tasks as arguments"),
  });
});

test("a program for which there is no room starts once there is", async () => {
  const clock = new SimulatedClock();
  const free = exhaustFiles();
  const starting = startProgram([process.execPath, "--print", "42"], { env: {}, clock });
  await aMoment();
  expect(clock.pending).toBe(1);
  free();
  await clock.advance(50);
  expect(await text((await starting).stdout)).toBe("42\n");
});

test("if there never is room, it says what is full and how to get more", async () => {
  const clock = new SimulatedClock();
  exhaustFiles();
  const failed = failure(startProgram([process.execPath], { env: {}, clock }));
  for (let tries = 0; tries < 5; tries++) {
    await aMoment();
    await clock.advance(1000);
  }
  expect(await failed).toMatchObject({ permanent: false, message: expect.stringContaining('"ulimit -n"') });
});

test("nobody waits for room who has been told to stop", async () => {
  const stop = new AbortController();
  exhaustFiles();
  const failed = failure(
    startProgram([process.execPath], { env: {}, clock: new SimulatedClock(), signal: stop.signal }),
  );
  await aMoment();
  stop.abort();
  expect(await failed).toMatchObject({ code: "CANCELLED" });
});
