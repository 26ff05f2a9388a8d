import { Socket } from "node:net";
import {
  context,
  exponential,
  flow,
  LocalExecutor,
  MusterError,
  NotSerializableError,
  RemoteTaskError,
  type StateName,
  TaskTimeoutError,
  task,
  UpstreamFailedError,
  WorkerLostError,
} from "@muster/core";
import { describe, expect, test } from "vitest";
import { EXECUTORS, localWorkers } from "./support/clusters.ts";
import { Recorder } from "./support/events.ts";

const add = task("add", (a: number, b: number) => a + b);
const explode = task("explode", (n: number): number => {
  throw Object.assign(new RangeError(`no ${n}`, { cause: new TypeError("the reason") }), {
    code: "E_TOO_MUCH",
    limit: 3,
  });
});
const throwText = task("throw-text", () => {
  throw "just a text";
});

describe.each(EXECUTORS)("%s", (_name, executor) => {
  test("a failure that nobody looked at fails the flow", async () => {
    const state = await flow({ name: "unseen", executor: executor() }, () => {
      explode(1);
      explode(2);
      return "the flow's own result";
    }).run();
    expect(state).toMatchObject({
      name: "Failed",
      result: undefined,
      message: expect.stringMatching(/^2 tasks, the first of them "explode", did not succeed: no [12]$/),
    });
  });

  test("a failure that the flow handled does not", async () => {
    const state = await flow({ name: "handled", executor: executor() }, async () => {
      const bad = explode(1);
      try {
        await bad;
      } catch {
        return "another way";
      }
      return "no failure";
    }).run();
    expect(state).toMatchObject({ name: "Success", result: "another way" });
  });

  test("a failure that is handed on to a task after it happened is handled by who handles that task", async () => {
    const state = await flow({ name: "handed-on", executor: executor() }, async () => {
      const bad = explode(1);
      await add(1, 2);
      await add(1, 2);
      const late = add(bad, 1);
      return late.then(
        () => "no failure",
        (error) => (error as Error).name,
      );
    }).run();
    expect(state).toMatchObject({ name: "Success", result: "UpstreamFailedError" });
  });

  test("a failure inside a map over a future that nobody looks at fails the flow", async () => {
    const state = await flow({ name: "unseen-map", executor: executor() }, () => {
      explode.map(list(2));
    }).run();
    expect(state.name).toBe("Failed");
  });

  test("one that is awaited and caught does not", async () => {
    const state = await flow({ name: "seen-map", executor: executor() }, async () => {
      const later = explode.map(list(2));
      const now = explode.map([1, 2]);
      await Promise.allSettled([later, now, ...now]);
    }).run();
    expect(state.name).toBe("Success");
  });

  test("a map over what is no list, or over what failed, fails", async () => {
    const overNumber = await flow({ name: "over-number", executor: executor() }, async () => {
      const number = add(1, 2) as unknown as ReturnType<typeof list>;
      return explode.map(number);
    }).run();
    expect(overNumber.message).toBe(
      'Task "explode" was mapped over the result of "add", which is no iterable but number.',
    );
    const overFailed = await flow({ name: "over-failed", executor: executor() }, () => {
      const failed = explode(1) as unknown as ReturnType<typeof list>;
      explode.map(failed);
    }).run();
    expect(overFailed.name).toBe("Failed");
  });

  test("terminalStateHandler sees how the tasks ended, and may replace the state", async () => {
    const seen: unknown[] = [];
    const handled = flow(
      {
        name: "replaced",
        executor: executor(),
        terminalStateHandler(self, state, tasks) {
          seen.push(
            self.name,
            state.name,
            tasks.count("Success"),
            tasks.count("Failed", "explode"),
            tasks.total,
          );
          seen.push(tasks.failed.map((failed) => [failed.name, failed.state.name, failed.state.message]));
          return new (state.constructor as new (name: StateName, facts: object) => typeof state)("Success", {
            result: -1,
          });
        },
      },
      async () => {
        await add.map([1, 2], [3, 4]);
        return explode(7);
      },
    );
    expect(await handled.run()).toMatchObject({ name: "Success", result: -1 });
    expect(seen).toEqual(["replaced", "Failed", 2, 1, 3, [["explode", "Failed", "no 7"]]]);
  });

  test("failFast cancels the others once one failed for good", async () => {
    const recorder = new Recorder();
    const state = await flow({ name: "hasty", failFast: true, executor: executor() }, () => [
      explode(1),
      ...sleep.map(Array.from({ length: 20 }, () => 60_000)),
    ]).run({ onEvent: recorder.onEvent });
    expect(state.name).toBe("Failed");
    expect(recorder.states("sleep").filter((name) => name === "Cancelled")).toHaveLength(20);
    expect(recorder.states("sleep")).not.toContain("Success");
  });

  test("two tasks of one name are refused, with the places of both", async () => {
    const state = await flow({ name: "namesakes", executor: executor() }, () => [first(), second()]).run();
    expect(state.error).toMatchObject({ code: "DUPLICATE_TASK" });
    expect(state.message).toMatch(
      /^Two tasks of this flow are called "namesake": at .*failure\.test\.ts:(\d+) and at .*failure\.test\.ts:(?!\1)\d+\./,
    );
  });

  test("retryDelay is a number, or a function of the attempt that failed", async () => {
    const recorder = new Recorder();
    const state = await flow({ name: "delays", executor: executor() }, () => [
      ofNumber(),
      ofFunction(),
      ofBackOff(),
    ]).run({ onEvent: recorder.onEvent });
    expect(state.unwrap()).toEqual([3, 3, 3]);
    expect(recorder.states("of-function").filter((name) => name === "Retrying")).toHaveLength(2);
  });

  test("a task that is out of retries fails with its last error", async () => {
    const state = await flow({ name: "spent", executor: executor() }, async () => {
      await alwaysFails();
    }).run();
    expect(state).toMatchObject({ name: "Failed", message: "attempt 3" });
  });

  test("a task that takes too long is told so and ended, and may be tried again", async () => {
    const recorder = new Recorder();
    const state = await flow({ name: "slow", executor: executor() }, async () => {
      const outcome = await Promise.allSettled([tooSlow(), quickAtLast()]);
      return outcome.map((each) => (each.status === "fulfilled" ? each.value : each.reason));
    }).run({ onEvent: recorder.onEvent });
    const [error, value] = state.unwrap();
    expect(error).toBeInstanceOf(TaskTimeoutError);
    expect(error).toMatchObject({ taskName: "too-slow", timeoutMs: 50, code: "TASK_TIMEOUT" });
    expect(value).toBe(2);
  });
});

const list = task("list", (count: number) => Array.from({ length: count }, (_, index) => index));
const sleep = task("sleep", async (ms: number) => {
  await new Promise<void>((resolve) => {
    const timer = setTimeout(resolve, ms);
    context.signal.addEventListener("abort", () => {
      clearTimeout(timer);
      resolve();
    });
  });
});
const first = task("namesake", () => 1);
const second = task("namesake", () => 2);
const thirdTime = () => {
  if (context.attempt! < 3) throw new Error(`attempt ${context.attempt}`);
  return context.attempt;
};
const ofNumber = task({ name: "of-number", retries: 2, retryDelay: 10 }, thirdTime);
const ofFunction = task({ name: "of-function", retries: 2, retryDelay: (failed) => failed * 10 }, thirdTime);
const ofBackOff = task(
  { name: "of-back-off", retries: 2, retryDelay: exponential({ initial: 5 }) },
  thirdTime,
);
const alwaysFails = task({ name: "always-fails", retries: 2 }, () => {
  throw new Error(`attempt ${context.attempt}`);
});
const tooSlow = task({ name: "too-slow", timeout: 50 }, () => abortable());
const quickAtLast = task({ name: "quick-at-last", timeout: 50, retries: 1 }, () =>
  context.attempt === 1 ? abortable() : context.attempt,
);
function abortable(): Promise<number> {
  const { signal } = context;
  return new Promise((_resolve, reject) => signal.addEventListener("abort", () => reject(signal.reason)));
}

test("what a task threw on a worker arrives with name, message, code, fields, cause, and the user's own line", async () => {
  const state = await flow({ name: "remote", executor: localWorkers({ workers: 1 }) }, async () => {
    await explode(5);
  }).run();
  const error = state.error as RemoteTaskError;
  expect(error).toBeInstanceOf(RemoteTaskError);
  expect(error).toMatchObject({
    code: "TASK_FAILED",
    message: "no 5",
    remoteName: "RangeError",
    remoteCode: "E_TOO_MUCH",
    data: { limit: 3 },
  });
  expect(error.cause).toBeInstanceOf(TypeError);
  expect(error.cause).toMatchObject({ message: "the reason" });
  const lineOfThrow = 22;
  expect(error.stack).toMatch(new RegExp(`^RangeError: no 5\\n.*failure\\.test\\.ts:${lineOfThrow}:`, "s"));
  expect((error.cause as Error).stack).toContain(`failure.test.ts:${lineOfThrow}:`);
});

test("what is thrown and is no error arrives as one", async () => {
  const state = await flow({ name: "text", executor: localWorkers({ workers: 1 }) }, async () => {
    await throwText();
  }).run();
  expect(state.error).toBeInstanceOf(RemoteTaskError);
  expect(state.message).toBe("just a text");
});

const throwOdd = task("throw-odd", (which: string) => {
  const hostile = Object.defineProperty(new Error("hostile"), "message", {
    get() {
      throw new Error("from a getter");
    },
  });
  const own: Error = new Error("its own cause");
  own.cause = own;
  const odd: Record<string, unknown> = {
    nothing: undefined,
    null: null,
    symbol: Symbol("odd"),
    object: { code: 1, call: () => 1 },
    "an error that throws": hostile,
    "an error that is its own cause": own,
    "a proxy": new Proxy(new Error("proxied"), {}),
    "an error with a socket": Object.assign(new Error("open"), { socket: new Socket() }),
    "a long one": new Error("x".repeat(10_000_000)),
  };
  throw odd[which];
});
const ODD = [
  "nothing",
  "null",
  "symbol",
  "object",
  "an error that throws",
  "an error that is its own cause",
  "a proxy",
  "an error with a socket",
  "a long one",
];

test("whatever a task throws arrives as an error", async () => {
  const state = await flow({ name: "odd", executor: localWorkers({ workers: 1 }) }, async () => {
    const ends = await Promise.allSettled([...throwOdd.map(ODD)]);
    return ends.map((end) => (end as PromiseRejectedResult).reason as unknown);
  }).run();
  const errors = state.unwrap();
  expect(errors.map((error) => error instanceof RemoteTaskError)).toEqual(ODD.map(() => true));
  expect((errors.at(-1) as Error).message.length).toBeLessThan(100_000);
});

test("a task that did not run has the error of the one that failed as its cause, and the flow has that error", async () => {
  let thrown: unknown;
  const state = await flow({ name: "upstream", executor: localWorkers({ workers: 1 }) }, async () => {
    try {
      await add(add(explode(1), 1), 1);
    } catch (error) {
      thrown = error;
      throw error;
    }
  }).run();
  expect(thrown).toBeInstanceOf(UpstreamFailedError);
  const { cause } = thrown as Error;
  expect(cause).toBeInstanceOf(UpstreamFailedError);
  expect((cause as Error).cause).toBe(state.error);
  expect(state.error).toMatchObject({ remoteName: "RangeError", message: "no 1" });
});

const spin = task({ name: "spin", timeout: 100 }, (): number => {
  for (;;);
});
const tick = task("tick", async (ms: number) => {
  await new Promise((resolve) => setTimeout(resolve, ms));
  return process.pid;
});

test("a busy loop that times out loses its thread, and its neighbours go on undisturbed", async () => {
  const recorder = new Recorder();
  const executor = localWorkers({ workers: 1, threadsPerWorker: 2 }, { cancelGraceMs: 100 });
  const state = await flow({ name: "busy", executor }, async () => {
    const busy = spin();
    const pids = await tick.map(Array.from({ length: 20 }, () => 30));
    const error = await busy.then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, pids: new Set([...pids, await tick(1)]).size };
  }).run({ onEvent: recorder.onEvent });
  expect(state.unwrap().error).toBeInstanceOf(TaskTimeoutError);
  expect(state.unwrap().pids).toBe(1);
  expect(recorder.states("tick")).not.toContain("Retrying");
  expect(recorder.lostWorkers()).toEqual([]);
});

const killed = task({ name: "killed", workerLostRetries: 1 }, () => {
  process.kill(process.pid, "SIGKILL");
  return new Promise<never>(() => {});
});
const killedOnce = task("killed-once", () => {
  if (context.attempt === 1) process.kill(process.pid, "SIGKILL");
  return context.attempt === 1 ? new Promise<number>(() => {}) : context.attempt;
});
const exits = task({ name: "exits", workerLostRetries: 0 }, () => process.exit(3));
const hoards = task({ name: "hoards", workerLostRetries: 0 }, () => {
  const hoard: unknown[] = [];
  for (;;) hoard.push(new Array(10_000).fill({ some: "thing" }));
});
const rejectsLater = task({ name: "rejects-later", workerLostRetries: 0 }, () => {
  setTimeout(() => {
    throw new Error("outside of any promise");
  }, 1);
  return new Promise<never>(() => {});
});

test("a task whose worker was killed runs again elsewhere", async () => {
  const recorder = new Recorder();
  const executor = localWorkers({ workers: 1 });
  const state = await flow({ name: "lost-once", executor }, () => [add(1, 2), killedOnce()]).run({
    onEvent: recorder.onEvent,
  });
  expect(state.unwrap()).toEqual([3, 2]);
  expect(recorder.states("killed-once").filter((name) => name !== "Running")).toEqual([
    "Pending",
    "Retrying",
    "Success",
  ]);
  expect(recorder.lostWorkers()).toMatchObject([{ signal: "SIGKILL" }]);
});

test("a task that kills each of its workers crashes, and says how they died; the flow goes on", async () => {
  const recorder = new Recorder();
  const state = await flow({ name: "lost", executor: localWorkers({ workers: 1 }) }, async () => {
    await add(1, 1);
    const error = await killed().then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, after: await add(1, 2) };
  }).run({ onEvent: recorder.onEvent });
  const { error, after } = state.unwrap();
  expect(error).toBeInstanceOf(WorkerLostError);
  expect(error).toMatchObject({ taskName: "killed", attempts: 2, signal: "SIGKILL", outOfMemory: false });
  expect((error as Error).message).toMatch(/SIGKILL/);
  expect(recorder.states("killed").at(-1)).toBe("Crashed");
  expect(after).toBe(3);
});

test("a flow that does not handle a crash crashes", async () => {
  const state = await flow({ name: "crash", executor: localWorkers({ workers: 1 }) }, () => killed()).run();
  expect(state.name).toBe("Crashed");
});

test.each([
  ["ends by process.exit", exits, { outOfMemory: false }, /process\.exit\(3\)/],
  ["throws outside of its promise", rejectsLater, { outOfMemory: false }, /outside of any promise/],
])("a task that %s costs its own thread alone", async (_what, bad, facts, reason) => {
  const recorder = new Recorder();
  const executor = localWorkers({ workers: 1, threadsPerWorker: 2 });
  const state = await flow({ name: "own-thread", executor }, async () => {
    const neighbour = tick(300);
    const error = await (bad() as PromiseLike<never>).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, samePid: (await neighbour) === (await tick(1)) };
  }).run({ onEvent: recorder.onEvent });
  expect(state.unwrap()).toMatchObject({ error: facts, samePid: true });
  expect(state.unwrap().error).toBeInstanceOf(WorkerLostError);
  expect((state.unwrap().error as Error).message).toMatch(reason);
  expect(recorder.lostWorkers()).toEqual([]);
});

test("a task over its memoryLimit is lost to memory, and its neighbour is done all the same", async () => {
  const executor = localWorkers({ workers: 1, threadsPerWorker: 2, memoryLimit: "64MiB" });
  const state = await flow({ name: "hoarding", executor }, async () => {
    const neighbour = tick(500);
    const error = await (hoards() as PromiseLike<never>).then(
      () => undefined,
      (thrown: unknown) => thrown,
    );
    return { error, neighbour: await neighbour };
  }).run();
  const { error, neighbour } = state.unwrap();
  expect(error).toBeInstanceOf(WorkerLostError);
  expect(error).toMatchObject({ outOfMemory: true });
  // Most often V8 ends the thread alone; when memory runs out too fast for that, it ends the process.
  expect((error as Error).message).toMatch(/out of memory.*64 MiB/);
  expect(neighbour).toBeGreaterThan(0);
});

const anything = task("anything", (value: unknown, _second?: unknown) => value);
const givesFunction = task("gives-function", () => ({ callback: () => 1 }) as unknown);

test.each([
  ["a function", () => [{ onDone: { callback: () => {} } }], "argument 1.onDone.callback"],
  ["a socket", () => [1, [new Socket()]], "argument 2[0]"],
  ["a promise", () => [{ later: Promise.resolve(1) }], "argument 1.later"],
  ["a symbol", () => [new Map([["key", Symbol("x")]])], 'argument 1.get("key")'],
])("%s as an argument is refused at submission, with task and path", async (_what, args, path) => {
  let atSubmission: unknown;
  const state = await flow({ name: "unserialisable", executor: localWorkers({ workers: 1 }) }, () => {
    try {
      anything(...(args() as [unknown]));
    } catch (error) {
      atSubmission = error;
      throw error;
    }
  }).run();
  expect(atSubmission).toBeInstanceOf(NotSerializableError);
  expect(atSubmission).toMatchObject({ path });
  expect(state.name).toBe("Failed");
  expect(state.message).toContain('task "anything"');
});

test("a result that cannot travel fails its task, with the path", async () => {
  const state = await flow({ name: "function-result", executor: localWorkers({ workers: 1 }) }, () =>
    givesFunction(),
  ).run();
  expect(state.error).toBeInstanceOf(MusterError);
  expect(state.message).toMatch(/^The result\.callback of task "gives-function" is a function/);
});

test("a task that never ends on LocalExecutor is given up all the same", async () => {
  const state = await flow({ name: "local", executor: new LocalExecutor() }, () => never()).run();
  expect(state.error).toBeInstanceOf(TaskTimeoutError);
});
const never = task({ name: "never", timeout: 20 }, () => new Promise<never>(() => {}));
