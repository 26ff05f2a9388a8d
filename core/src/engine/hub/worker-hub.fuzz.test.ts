import { readdirSync } from "node:fs";
import { type Duplex, duplexPair } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";
import { expect, test } from "vitest";
import { SimulatedClock } from "../../base/clock.ts";
import { packReports } from "../../wire/batches.ts";
import { frameParts } from "../../wire/frames.ts";
import { packMessage } from "../../wire/message.ts";
import { FrameType } from "../../wire/protocol.ts";
import { Listener, random, tasks } from "./hub.test.kit.ts";
import { WorkerHub } from "./worker-hub.ts";

/** A hub that is given its streams: what comes over them is from workers that showed the token. */
class TestHub extends WorkerHub {
  protected readonly isOnThisMachine = true;

  take(stream: Duplex): void {
    this.accept(stream);
  }

  get directory(): string {
    return this.blobs.directory;
  }
}

const FRAMES = 100_000;
/** So many at most: then another worker comes. */
const FRAMES_A_CONNECTION = 50;
const TASKS = 500;

type Random = (below: number) => number;

test("100,000 random and mutated frames of workers cost nothing but their own connections", async () => {
  const clock = new SimulatedClock();
  const run = { flowRunId: "run-1", flowName: "fuzz", image: undefined, logLevel: "info" } as const;
  const hub = new TestHub({ clock, run: { ...run, parameters: undefined } });
  const listener = new Listener();
  await hub.start(listener);
  const lookup = (): undefined => undefined;
  hub.submit(tasks(TASKS, (n) => hub.pack([n], "increment", lookup).payload));
  const before = await memory();
  const pick = random(20261122);

  let connections = 0;
  for (let sent = 0; sent < FRAMES; ) {
    const id = `w-${connections++}`;
    const worker = connect(hub);
    const lane = connect(hub);
    // Most say who they are, so that they get tasks, and what they send is looked at.
    if (pick(10) > 0) worker.theirs.write(frame(FrameType.hello, packMessage(hello(id))));
    await turn();
    if (pick(10) > 0) lane.theirs.write(frame(FrameType.lane, packMessage({ workerId: id, lane: 1 })));
    for (let count = 0; count < FRAMES_A_CONNECTION && sent < FRAMES; count++) {
      const { ours, theirs } = pick(2) === 0 ? worker : lane;
      if (ours.destroyed) break;
      theirs.write(nonsense(id, pick));
      sent++;
      // One at a time: the first that makes no sense ends the connection, and the next one looks at the next.
      await turn();
    }
    worker.ours.destroy();
    lane.ours.destroy();
    // Those whose tasks are in flight are given up.
    if (connections % 100 === 0) await clock.advance(5000);
  }
  // By then it is known of all of them that they are lost.
  await clock.advance(5000);

  const { theirs } = connect(hub);
  const welcomed = new Promise((resolve) => theirs.once("data", resolve));
  theirs.write(frame(FrameType.hello, packMessage(hello("w-good"))));
  await welcomed;

  const ended = listener.reports.map(({ task }) => task.id);
  expect(new Set(ended).size).toBe(ended.length);
  expect(listener.failure).toBeUndefined();
  expect(readdirSync(hub.directory).filter((name) => !/^(proof|w-\d+-)/.test(name))).toEqual([]);
  expect((await memory()) - before).toBeLessThan(20 * 2 ** 20);
  await hub.close();
}, 120_000);

function connect(hub: TestHub): { ours: Duplex; theirs: Duplex } {
  const [ours, theirs] = duplexPair();
  theirs.resume();
  hub.take(ours);
  return { ours, theirs };
}

function hello(workerId: string): object {
  const place = { node: "v24", pid: 1, host: "here" };
  return { workerId, ...place, threads: 1, tasksPerThread: 1, resources: {} };
}

function frame(type: number, body: Uint8Array): Buffer {
  return Buffer.concat(frameParts(type, body));
}

/** A frame that a worker could send, one that was changed on the way, or noise. */
function nonsense(id: string, pick: Random): Buffer {
  const whole = frame(...sensible(id, pick));
  switch (pick(8)) {
    case 0:
      return bytes(pick(200), pick);
    case 1:
      return frame(pick(30), bytes(pick(200), pick));
    case 2:
      return whole;
    case 3:
      return whole.subarray(0, pick(whole.length));
    default: {
      // The header stays as it is, so that what follows is looked at.
      const from = pick(4) === 0 ? 0 : 5;
      for (let change = 0; change <= pick(4); change++) {
        if (whole.length > from) whole[from + pick(whole.length - from)] = pick(256);
      }
      return whole;
    }
  }
}

function sensible(id: string, pick: Random): [type: number, body: Uint8Array] {
  const task = 1 + pick(TASKS);
  const at = { id: `${id}-1-${pick(3)}`, offset: 0 };
  switch (pick(12)) {
    case 10:
      return [
        FrameType.lane,
        packMessage({ workerId: pick(3) === 0 ? `w-${pick(100)}` : id, lane: pick(3) }),
      ];
    case 11: {
      const death = { reason: "its thread ended", outOfMemory: false, deliberate: pick(2) === 0 };
      const ended = pick(2) === 0 ? [] : [task, 1, pick(5)];
      return [
        FrameType.laneEnded,
        packMessage({ lane: pick(3), next: pick(3), ended, death, unusable: undefined }),
      ];
    }
    case 0:
      return [FrameType.hello, packMessage(hello(`w-${pick(100)}`))];
    case 1:
      return [FrameType.started, packMessage({ ids: [task, 1] })];
    case 2:
      return [FrameType.returned, packMessage({ lane: pick(3), from: pick(3), end: pick(5) })];
    case 3: {
      const event = { type: "log", at: 1, level: "info", message: "hello", data: { n: 1 } };
      return [FrameType.log, packMessage({ events: [event] })];
    }
    case 4:
      return [FrameType.blobGet, packMessage({ id: at.id })];
    case 5:
      return [FrameType.blobPut, packMessage({ ...at, total: 100, data: new Uint8Array(100) })];
    case 6:
      return [FrameType.draining, packMessage({})];
    case 7:
      return [FrameType.goodbye, packMessage({ reason: "drained" })];
    default: {
      const outcome = [7, "text", [1, `${id}-1-1`, 100_000], { name: "Error", message: "no", stack: "" }][
        pick(4)
      ];
      const batch = {
        ids: Uint32Array.of(task),
        attempts: Uint32Array.of(1),
        kinds: Uint32Array.of(pick(5)),
        durationsUs: Uint32Array.of(1000),
      };
      return [FrameType.reports, packReports(batch, [outcome])];
    }
  }
}

function bytes(count: number, pick: Random): Buffer {
  return Buffer.from(Array.from({ length: count }, () => pick(256)));
}

setFlagsFromString("--expose-gc");
const collectGarbage = runInNewContext("gc") as () => void;

/** Bytes that are in use. What streams have let go of, they let go of a turn later. */
async function memory(): Promise<number> {
  await turn();
  collectGarbage();
  await turn();
  collectGarbage();
  const { heapUsed, external, arrayBuffers } = process.memoryUsage();
  return heapUsed + external + arrayBuffers;
}
