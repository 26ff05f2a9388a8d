import { expect, test } from "vitest";
import { SimulatedClock } from "../base/clock.ts";
import type { WorkerId, WorkerObservation } from "../contracts/index.ts";
import { LineLog, type StartedWorker, StartedWorkers } from "./index.ts";

/** A worker in memory, which ends when it is killed; a test ends it earlier. */
class Hand implements StartedWorker {
  readonly id: WorkerId;
  readonly log = new LineLog();
  readonly heard: string[] = [];
  readonly #end = Promise.withResolvers<WorkerObservation>();
  readonly ended = this.#end.promise;
  /** What ending it by force does. */
  onKill: () => Promise<void> = async () => this.end("ended by SIGKILL");

  constructor(id: WorkerId) {
    this.id = id;
  }

  askToLeave(): void {
    this.heard.push("leave");
  }

  async kill(): Promise<void> {
    this.heard.push("kill");
    await this.onKill();
  }

  end(reason: string): void {
    this.log.end();
    this.#end.resolve({ id: this.id, phase: "ended", reason });
  }
}

function twoHands(): { clock: SimulatedClock; workers: StartedWorkers; hands: [Hand, Hand] } {
  const clock = new SimulatedClock();
  const workers = new StartedWorkers(clock);
  const hands: [Hand, Hand] = [new Hand("w-1"), new Hand("w-2")];
  for (const hand of hands) workers.add(hand);
  return { clock, workers, hands };
}

test("tells what was told before somebody observes, and how workers ended", async () => {
  const { clock, workers, hands } = twoHands();
  workers.tell({ id: "w-1", phase: "running" });
  hands[1].end("exit code 1");
  await clock.advance(0);
  const stop = new AbortController();
  const seen = Array.fromAsync(workers.observe(stop.signal));
  hands[0].end("exit code 0");
  await clock.advance(0);
  stop.abort();
  expect(await seen).toEqual([
    { id: "w-1", phase: "running" },
    { id: "w-2", phase: "ended", reason: "exit code 1" },
    { id: "w-1", phase: "ended", reason: "exit code 0" },
  ]);
  expect(workers.running).toEqual([]);
});

test("a worker that leaves when it is asked is not ended by force", async () => {
  const { clock, workers, hands } = twoHands();
  const terminating = workers.terminate(["w-1", "w-2", "w-3"], { graceMs: 1000 });
  await clock.advance(999);
  for (const hand of hands) hand.end("exit code 0");
  await terminating;
  expect(hands.map(({ heard }) => heard)).toEqual([["leave"], ["leave"]]);
  expect(clock.pending).toBe(0);
});

test("a worker that stays is ended after its grace", async () => {
  const { clock, workers, hands } = twoHands();
  const terminating = workers.terminate(["w-1"], { graceMs: 1000 });
  await clock.advance(999);
  expect(hands[0].heard).toEqual(["leave"]);
  await clock.advance(1);
  await terminating;
  expect(hands.map(({ heard }) => heard)).toEqual([["leave", "kill"], []]);
  expect(workers.running).toEqual([hands[1]]);
});

test("asked twice, the earlier end counts, and nobody is asked to leave twice", async () => {
  const { clock, workers, hands } = twoHands();
  const patient = workers.terminate(["w-1", "w-2"], { graceMs: 60_000 });
  const hurried = workers.terminate(["w-1"], { graceMs: 1000 });
  const atOnce = workers.terminate(["w-2"], { graceMs: 0 });
  await atOnce;
  await clock.advance(1000);
  await Promise.all([hurried, patient]);
  expect(hands.map(({ heard }) => heard)).toEqual([
    ["leave", "kill"],
    ["leave", "kill"],
  ]);
  expect(clock.pending).toBe(0);
});

test("what cannot be ended is said, and can be tried again", async () => {
  const { clock, workers, hands } = twoHands();
  const { onKill } = hands[0];
  hands[0].onKill = async () => {
    throw new Error("the engine is away");
  };
  const terminating = workers.terminate(["w-1"], { graceMs: 1000 }).catch((error: unknown) => error);
  await clock.advance(1000);
  expect(await terminating).toMatchObject({ message: "the engine is away" });
  hands[0].onKill = onKill;
  const again = workers.terminate(["w-1"], { graceMs: 1000 });
  await clock.advance(1000);
  await again;
  expect(workers.get("w-1")).toBeUndefined();
});

test("the lines of a worker can be read while it runs and when it has ended; an unknown one has none", async () => {
  const { clock, workers, hands } = twoHands();
  const { signal } = new AbortController();
  hands[0].log.append("one");
  const following = Array.fromAsync(workers.logs("w-1", signal));
  hands[0].log.append("two");
  hands[0].end("exit code 0");
  await clock.advance(0);
  expect(await following).toEqual(["one", "two"]);
  expect(await Array.fromAsync(workers.logs("w-1", signal))).toEqual(["one", "two"]);
  expect(await Array.fromAsync(workers.logs("w-9", signal))).toEqual([]);
});

test("of a worker that was dropped nothing is told", async () => {
  const { clock, workers, hands } = twoHands();
  workers.drop("w-1");
  for (const hand of hands) hand.end("exit code 1");
  await clock.advance(0);
  const stop = new AbortController();
  const seen = Array.fromAsync(workers.observe(stop.signal));
  stop.abort();
  expect((await seen).map(({ id }) => id)).toEqual(["w-2"]);
});
