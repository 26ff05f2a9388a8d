import { expect, test } from "vitest";
import type { Loss } from "../contracts/engine.ts";
import type { WorkerDeath } from "../contracts/worker-link.ts";
import { LossCauses, type LostFunction } from "./loss-causes.ts";

const SEGFAULT: WorkerDeath = { reason: "ended by SIGSEGV", signal: "SIGSEGV", lastLines: ["the last line"] };
const KILLED: WorkerDeath = { reason: "ended by SIGKILL", signal: "SIGKILL", lastLines: [] };

function fn(workerLostRetries = 3, code = "a"): LostFunction {
  return { code: { id: code }, policy: { workerLostRetries } };
}

/** Losses one after another, each placed after the one before. */
class History {
  readonly causes = new LossCauses();
  #losses = 0;

  lose(of: LostFunction, task: number, facts: Partial<Loss> = {}) {
    const before = this.#losses++;
    const loss: Loss = {
      during: "running",
      ofThread: false,
      death: SEGFAULT,
      number: this.#losses,
      before,
      ...facts,
    };
    return this.causes.lost(of, task, loss);
  }
}

test("five different tasks of a function that end their workers in a row are its fault", () => {
  const history = new History();
  const deadly = fn();
  for (let task = 1; task <= 4; task++) expect(history.lose(deadly, task)).toBeUndefined();
  expect(history.lose(deadly, 5)).toEqual({ during: "running", losses: 5, death: SEGFAULT });
});

test("one task that ends its workers again and again is not: it has its own budget", () => {
  const history = new History();
  const deadly = fn(100);
  for (let loss = 0; loss < 100; loss++) expect(history.lose(deadly, loss % 2)).toBeUndefined();
});

test("where tasks may be lost more often, it takes more of them", () => {
  const history = new History();
  const deadly = fn(20);
  for (let task = 1; task <= 21; task++) expect(history.lose(deadly, task)).toBeUndefined();
  expect(history.lose(deadly, 22)).toBeDefined();
});

test("a success in between starts the count anew; one of another function does not", () => {
  const history = new History();
  const [one, other] = [fn(), fn()];
  for (let task = 1; task <= 4; task++) history.lose(one, task);
  history.causes.succeeded(one);
  for (let task = 5; task <= 8; task++) expect(history.lose(one, task)).toBeUndefined();
  history.causes.succeeded(other);
  expect(history.lose(one, 9)).toBeDefined();
});

test("losses spread over several functions are nobody's fault", () => {
  const history = new History();
  const all = Array.from({ length: 10 }, () => fn());
  for (let loss = 0; loss < 40; loss++) expect(history.lose(all[loss % 10]!, loss)).toBeUndefined();
});

test("what may have come from outside takes twice as many", () => {
  const history = new History();
  const unlucky = fn();
  for (let task = 1; task <= 9; task++)
    expect(history.lose(unlucky, task, { death: KILLED })).toBeUndefined();
  expect(history.lose(unlucky, 10, { death: KILLED })).toBeDefined();
});

test.each([
  ["a signal that a process breaks with", { death: SEGFAULT }],
  ["its exit code", { death: { reason: "", exitCode: 139, lastLines: [] } }],
  ["memory that ran out", { death: { ...KILLED, outOfMemory: true } }],
  ["a thread that ended alone", { ofThread: true, death: { reason: "process.exit(1)", lastLines: [] } }],
])("%s does not", (_what, facts) => {
  const history = new History();
  const deadly = fn();
  for (let task = 1; task <= 4; task++) expect(history.lose(deadly, task, facts)).toBeUndefined();
  expect(history.lose(deadly, 5, facts)).toBeDefined();
});

test("many workers that are lost at once count once, and so does what was placed before", () => {
  const history = new History();
  const unlucky = fn();
  for (let worker = 0; worker < 50; worker++)
    expect(history.lose(unlucky, worker, { before: 0 })).toBeUndefined();
});

test("losses for another task's sake do not count", () => {
  const history = new History();
  const unlucky = fn();
  const death = { ...SEGFAULT, deliberate: true };
  for (let task = 0; task < 50; task++) expect(history.lose(unlucky, task, { death })).toBeUndefined();
});

test("workers that end while they load code count by that code, whichever function and task it is for", () => {
  const history = new History();
  const [one, other] = [fn(), fn()];
  for (let loss = 1; loss <= 4; loss++)
    expect(history.lose(loss % 2 ? one : other, 1, { during: "loading" })).toBeUndefined();
  expect(history.lose(one, 1, { during: "loading" })).toMatchObject({ during: "loading", losses: 5 });
  // And it stays so, for the functions that come after.
  expect(history.lose(other, 2, { during: "loading" })).toBeDefined();
});

test("code that was loaded once, to run or to succeed, is not what ends workers", () => {
  for (const loaded of ["ran", "succeeded"]) {
    const history = new History();
    const fine = fn();
    for (let loss = 1; loss <= 4; loss++) history.lose(fine, 1, { during: "loading" });
    if (loaded === "ran") history.lose(fine, 1);
    else history.causes.succeeded(fine);
    for (let loss = 1; loss <= 4; loss++)
      expect(history.lose(fine, 1, { during: "loading" })).toBeUndefined();
  }
});
