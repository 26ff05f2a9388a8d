import { type Flow, flow, task } from "@muster/core";
import { describe, expect, test } from "vitest";
import { EXECUTORS } from "./support/clusters.ts";

const boom = task("boom", (): number => {
  throw new RangeError("the disk is full");
});
const inc = task("inc", (n: number) => n + 1);
const sum = task("sum", (numbers: readonly number[]) => numbers.reduce((total, each) => total + each, 0));
const odd = task("odd", (n: number) => {
  if (n % 2 === 0) throw new RangeError(`${n} is even`);
  return n;
});
const range = task("range", (count: number) => Array.from({ length: count }, (_, index) => index));
const die = task({ name: "die", workerLostRetries: 0 }, (): number => process.exit(7));

async function failureOf(made: Flow<unknown, unknown>) {
  const { name, error, message } = await made.run();
  return { name, error: error?.message, shown: message.includes(error?.message ?? "no error") };
}

const FAILED = { name: "Failed", error: "the disk is full", shown: true };

/** With and without wires in between. */
const BOTH = EXECUTORS.filter((_, index) => index === 0 || index === 3);

describe.each(BOTH)("%s: the flow's error is that of the task that failed", (_name, make) => {
  const executor = make();
  test.each<readonly [string, () => unknown]>([
    [
      "returned before what depends on it",
      () => {
        const a = boom();
        return [a, inc(a)];
      },
    ],
    [
      "returned behind what depends on it",
      () => {
        const a = boom();
        return [inc(inc(a)), a];
      },
    ],
    ["at the far end of a chain", () => inc(inc(inc(inc(boom()))))],
    ["under lists of lists", () => sum([sum([sum(inc.map([boom(), 1]))])])],
    ["under a map over a future of a list", () => inc.map(inc.map(range(inc(boom()))))],
    [
      "when nobody looks at anything",
      () => {
        inc(inc(boom()));
      },
    ],
    ["awaited through what depends on it", async () => await inc(inc(boom()))],
    ["awaited as a list", async () => await inc.map([1, inc(boom())])],
  ])("%s", async (_what, body) => {
    expect(await failureOf(flow({ name: "failing", executor }, body))).toEqual(FAILED);
  });

  test("and not the end of those that were cancelled for it", async () => {
    const failFast = flow({ name: "fail-fast", executor, failFast: true }, () => {
      const bad = boom();
      let last = inc(1);
      for (let step = 0; step < 500; step++) last = inc(last);
      return [last, inc(bad)];
    });
    const { name, error } = await failFast.run();
    expect([name, error?.message]).toEqual(["Failed", "the disk is full"]);
  });

  test("while each future keeps its own, with the one before as its cause", async () => {
    const looking = flow({ name: "looking", executor }, async () => {
      const error = await inc(inc(boom())).then(undefined, (thrown: unknown) => thrown as Error);
      const { message, cause } = error as Error;
      return [message, (cause as Error).message, ((cause as Error).cause as Error).message];
    });
    expect((await looking.run()).unwrap()).toEqual([
      'Task "inc" did not run, since "inc" did not succeed.',
      'Task "inc" did not run, since "boom" did not succeed.',
      "the disk is full",
    ]);
  });
});

test.each(EXECUTORS.slice(2))(
  "%s: a worker that was lost is the error of all that waited",
  async (_name, make) => {
    const { name, error } = await flow({ name: "lost", executor: make() }, () => {
      inc(inc(die()));
    }).run();
    expect([name, (error as { code?: string }).code]).toEqual(["Crashed", "WORKER_LOST"]);
  },
);

describe.each(BOTH)("%s: failures that were all looked at", (_name, make) => {
  const executor = make();
  test.each<readonly [string, () => unknown]>([
    [
      "one by one, through the elements of a map over a future list",
      async () => {
        const seen: unknown[] = [];
        for (const element of await odd.map(range(4)).elements())
          seen.push(await element.then(undefined, () => "even"));
        return seen;
      },
    ],
    [
      "together, through those elements",
      async () => {
        const settled = await Promise.allSettled(await odd.map(range(4)).elements());
        return settled.map((one) => (one.status === "fulfilled" ? one.value : "even"));
      },
    ],
    [
      "of a map over a map over a future list",
      async () => {
        const elements = await inc.map(odd.map(range(4))).elements();
        const settled = await Promise.allSettled(elements);
        return settled.map((one) => (one.status === "fulfilled" ? one.value - 1 : "even"));
      },
    ],
    [
      "by tasks, whose own failures are looked at",
      async () => {
        const handed = (await odd.map(range(4)).elements()).map((element) => inc(element));
        const settled = await Promise.allSettled(handed);
        return settled.map((one) => (one.status === "fulfilled" ? one.value - 1 : "even"));
      },
    ],
    [
      "as a list",
      async () => {
        await odd.map(range(4)).then(undefined, () => {});
        return ["even", 1, "even", 3];
      },
    ],
  ])("do not fail the flow: %s", async (_what, body) => {
    const state = await flow({ name: "handled", executor }, body).run();
    expect(state.unwrap()).toEqual(["even", 1, "even", 3]);
  });

  test("but one that was not does", async () => {
    const partly = flow({ name: "partly", executor }, async () => {
      const [first] = await odd.map(range(3)).elements();
      await first!.then(undefined, () => {});
    });
    const { name, message } = await partly.run();
    expect([name, message]).toEqual(["Failed", 'Task "odd" did not succeed: 2 is even']);
  });
});
