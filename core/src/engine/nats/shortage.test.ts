import { expect, test } from "vitest";
import type { PoolWorker } from "../../wire/nats/pool/pool-messages.ts";
import { PROTOCOL_VERSION } from "../../wire/protocol.ts";
import { Shortage } from "./shortage.ts";

const worker = (facts: Partial<PoolWorker> = {}): PoolWorker => ({
  id: "here-1",
  pool: "gpu",
  host: "here",
  pid: 1,
  node: "v24.0.0",
  protocol: PROTOCOL_VERSION,
  resources: {},
  lanes: [{}],
  isLeaving: false,
  ...facts,
});
const shortage = () => new Shortage({ pool: "gpu", address: "nats://a:4222", poolTimeoutMs: 60_000 });
const NOTHING = { log: undefined, error: undefined };

test("a run that waits for a pool without workers says so once, with what starts one, and fails in the end", () => {
  const waits = shortage();
  expect(waits.look(["any"], [], 0)).toEqual(NOTHING);
  expect(waits.look(["any"], [], 4999)).toEqual(NOTHING);
  expect(waits.look(["any"], [], 5000).log).toBe(
    'The pool "gpu" at nats://a:4222 has no worker: waiting for one, up to 60000 ms (poolTimeoutMs). This starts one: muster worker nats://a:4222 --pool gpu',
  );
  expect(waits.look(["any"], [], 6000)).toEqual(NOTHING);
  expect(waits.look(["any"], [], 60_000).error).toBe(
    'The pool "gpu" at nats://a:4222 had no worker for 60000 ms (poolTimeoutMs). This starts one: muster worker nats://a:4222 --pool gpu',
  );
});

test("a worker that comes ends the wait, and one that leaves is none", () => {
  const waits = shortage();
  waits.look(["any"], [worker({ isLeaving: true })], 0);
  waits.look(["any"], [worker()], 50_000);
  expect(waits.look(["any"], [], 70_000)).toEqual(NOTHING);
  expect(waits.look(["any"], [], 129_999).error).toBeUndefined();
  expect(waits.look(["any"], [], 130_000).error).toMatch("had no worker");
});

test("workers without the resources that a task needs are none for it, and the command has them", () => {
  const waits = shortage();
  const plain = [worker(), worker({ resources: { GPU: 1 } })];
  waits.look(["GPU=2"], plain, 0);
  expect(waits.look(["GPU=2"], plain, 5000).log).toMatch(
    /has no worker with GPU: 2: waiting for one, up to 60000 ms \(poolTimeoutMs\)\. This starts one: muster worker nats:\/\/a:4222 --pool gpu --resources '\{"GPU":2\}'/,
  );
  expect(waits.look(["GPU=1"], plain, 100_000)).toEqual(NOTHING);
});

test("workers of another version of the protocol are told of at once, with both versions", () => {
  const old = worker({ protocol: PROTOCOL_VERSION - 1 });
  const why = `The worker of the pool "gpu" at nats://a:4222 speaks version ${PROTOCOL_VERSION - 1} of Muster's protocol, and this run version ${PROTOCOL_VERSION}: start workers of the version of Muster that the run has.`;
  expect(shortage().whyNever([old])).toBe(why);
  expect(shortage().look(["any"], [old], 0).error).toBe(why);
  expect(shortage().whyNever([old, worker()])).toBeUndefined();
  expect(shortage().whyNever([])).toBeUndefined();
});

test("a run that waits for its turn says for whom the lanes work", () => {
  const waits = shortage();
  const busy = [worker({ lanes: [{ runId: "run-1", flowName: "nightly", token: "any", since: 0 }] })];
  waits.look(["any"], busy, 0);
  expect(waits.look(["any"], busy, 15_000).log).toBe(
    'Waiting for the next lane of the pool "gpu": of 1, 1 work for the flows "nightly", and are given on when what runs there has ended.',
  );
});
