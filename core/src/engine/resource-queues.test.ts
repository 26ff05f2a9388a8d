import { expect, test } from "vitest";
import { type Resources, suffices, without } from "../base/resources.ts";
import { engineTask, taskFunction } from "./dispatcher.test.kit.ts";
import { ResourceQueues } from "./resource-queues.ts";

const needing = (id: number, resources?: Resources, priority = 0) =>
  engineTask(id, { fn: taskFunction({ resources }), priority });

/** Ids in the order in which they come out, with the same free resources each time. */
function taken(queues: ResourceQueues, free: Resources): number[] {
  const ids: number[] = [];
  for (let task = queues.take(free); task !== undefined; task = queues.take(free)) ids.push(task.id);
  return ids;
}

test("a task that must wait for a GPU holds up none that need not", () => {
  const queues = new ResourceQueues();
  queues.push(needing(1, { GPU: 1 }));
  queues.push(needing(2));
  queues.push(needing(3, { GPU: 2 }));
  queues.push(needing(4, { GPU: 1, memory: 8 }));
  expect(queues.size).toBe(4);
  expect(taken(queues, {})).toEqual([2]);
  expect(taken(queues, { GPU: 1 })).toEqual([1]);
  expect(taken(queues, { GPU: 2, memory: 8 })).toEqual([3, 4]);
  expect(queues.size).toBe(0);
});

test("among those that fit, higher priorities first, then the order of submission", () => {
  const queues = new ResourceQueues();
  queues.push(needing(1));
  queues.push(needing(2, { GPU: 1 }));
  queues.push(needing(3, { memory: 1 }));
  queues.push(needing(4, { GPU: 1 }, 5));
  queues.push(needing(5));
  expect(taken(queues, { GPU: 1, memory: 1 })).toEqual([4, 1, 2, 3, 5]);
});

test("resources that are named in another order are the same, and come back in front", () => {
  const queues = new ResourceQueues();
  queues.push(needing(1, { GPU: 1, memory: 2 }));
  queues.push(needing(2, { memory: 2, GPU: 1 }));
  queues.unshift({ ...needing(3, { GPU: 1, memory: 2 }), rank: 1 });
  expect(taken(queues, { GPU: 1, memory: 2 })).toEqual([3, 1, 2]);
});

test("only tasks that need nothing are sent ahead, and only if they may be", () => {
  const queues = new ResourceQueues();
  queues.push(needing(1, { GPU: 1 }));
  queues.push(needing(2));
  expect(queues.takeIf(({ id }) => id === 9)).toBeUndefined();
  expect(queues.takeIf(() => true)?.id).toBe(2);
  expect(queues.takeIf(() => true)).toBeUndefined();
  queues.clear();
  expect([queues.size, queues.take({ GPU: 1 })]).toEqual([0, undefined]);
});

test("what is taken and given back leaves what there was, and fractions fit as people count them", () => {
  const needs = { GPU: 1, memory: 4 };
  expect(without(without({ GPU: 2, memory: 4 }, needs), needs, -1)).toEqual({ GPU: 2, memory: 4 });
  expect(suffices({ GPU: 1 }, needs)).toBe(false);

  const tenth = { CPU: 0.1 };
  let free: Resources = { CPU: 0.3 };
  for (let task = 0; task < 3; task++) {
    expect(suffices(free, tenth)).toBe(true);
    free = without(free, tenth);
  }
  expect(suffices(free, tenth)).toBe(false);
});
