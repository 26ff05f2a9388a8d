import { expect, test } from "vitest";
import { SimulatedClock } from "../../base/clock.ts";
import type { LaneRequest } from "../../wire/nats/pool/pool-messages.ts";
import type { Need } from "../../wire/nats/pool/pool-queue.ts";
import { PoolRequests } from "./pool-requests.ts";

const REQUEST: LaneRequest = {
  runId: "run-1",
  flowName: "flow",
  token: "secret",
  cancelGraceMs: 1,
  deathTimeoutMs: 1,
  logLevel: "info",
};

/** A run's requests in simulated time, with a queue that remembers what came. */
class Requests {
  readonly clock = new SimulatedClock();
  readonly asked: string[] = [];
  /** How many lanes of a class there were said to be of use. */
  readonly needs = new Map<string, number>();
  readonly givenBack: string[] = [];
  readonly forgotten: string[] = [];
  tasks: { needs: Record<string, number>; count: number }[] = [];
  isAway = false;
  readonly requests: PoolRequests;

  constructor() {
    this.requests = new PoolRequests({
      queue: {
        ensureClass: async () => {
          if (this.isAway) throw new Error("away");
        },
        request: async (token: string) => void this.asked.push(token),
        sayNeed: async ({ token, lanes }: Need, said: number) => {
          if (lanes >= said) this.needs.set(token, Math.max(lanes, this.needs.get(token) ?? 0));
          else this.needs.set(token, lanes);
        },
        forget: async (_run: string, tokens: Iterable<string>) => void this.forgotten.push(...tokens),
      },
      request: REQUEST,
      demand: () => this.tasks,
      giveBack: (id) => void this.givenBack.push(id),
      clock: this.clock,
      random: () => 0,
    });
  }

  async has(count: number, needs: Record<string, number> = {}): Promise<void> {
    this.tasks = [{ needs, count }];
    this.requests.changed();
    await this.clock.advance(20);
  }
}

test("a run asks for one lane after another, as many as it has tasks, and has one request in the queue at most", async () => {
  const run = new Requests();
  await run.has(3);
  expect(run.asked).toEqual(["any"]);
  await run.clock.advance(1000);
  expect(run.asked).toEqual(["any"]);
  for (const id of ["l-1", "l-2"]) {
    run.requests.granted("any", id);
    await run.clock.advance(20);
  }
  expect(run.asked).toEqual(["any", "any", "any"]);
  run.requests.granted("any", "l-3");
  await run.clock.advance(1000);
  expect(run.asked).toHaveLength(3);
  expect(run.needs.get("any")).toBe(3);
});

test("a request that the queue may have forgotten is put there again, and so is what the run could use", async () => {
  const run = new Requests();
  await run.has(1);
  await run.clock.advance(21_000);
  expect(run.asked).toEqual(["any", "any"]);
});

test("a run that kept a lane instead of getting one asks again a little later", async () => {
  const run = new Requests();
  await run.has(2);
  run.requests.renewed("any");
  await run.clock.advance(100);
  expect(run.asked).toHaveLength(1);
  await run.clock.advance(100);
  expect(run.asked).toHaveLength(2);
});

test("a lane that has nothing to do for two seconds goes back, and one that has does not", async () => {
  const run = new Requests();
  await run.has(2);
  for (const id of ["idle", "busy"]) {
    run.requests.granted("any", id);
    run.requests.awake(id, {});
  }
  run.requests.busy("busy", 1);
  await run.clock.advance(1800);
  expect(run.givenBack).toEqual([]);
  await run.clock.advance(500);
  expect(run.givenBack).toEqual(["idle"]);
  expect(run.requests.hasLanes).toBe(true);
});

test("a lane that was taken for another run's turn is asked for again", async () => {
  const run = new Requests();
  await run.has(1);
  run.requests.granted("any", "l-1");
  run.requests.awake("l-1", {});
  await run.clock.advance(300);
  expect(run.asked).toHaveLength(1);
  run.requests.gone("l-1");
  await run.clock.advance(20);
  expect(run.asked).toHaveLength(2);
});

test("one that was granted and never came is not counted on", async () => {
  const run = new Requests();
  await run.has(1);
  run.requests.granted("any", "l-1");
  await run.clock.advance(19_000);
  expect(run.asked).toHaveLength(1);
  await run.clock.advance(2000);
  expect(run.asked).toHaveLength(2);
});

test("each class of lanes is asked for by itself, and is missing until one of it works", async () => {
  const run = new Requests();
  await run.has(2, { GPU: 1 });
  expect(run.asked).toEqual(["GPU=1"]);
  expect(run.requests.missing).toEqual(["GPU=1"]);
  run.requests.granted("GPU=1", "l-1");
  run.requests.awake("l-1", { GPU: 1 });
  expect(run.requests.missing).toEqual([]);
});

test("a server that is away is asked again until it is back, and at the end all is forgotten there", async () => {
  const run = new Requests();
  run.isAway = true;
  await run.has(1);
  await run.clock.advance(2000);
  expect(run.asked).toEqual([]);
  run.isAway = false;
  await run.clock.advance(600);
  expect(run.asked).toEqual(["any"]);
  await run.requests.close();
  expect(run.forgotten).toEqual(["any"]);
  expect(run.clock.pending).toBe(0);
});
