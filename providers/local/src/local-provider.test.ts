import { readFileSync } from "node:fs";
import type { LaunchResult, OpenInfo, WorkerId, WorkerObservation, WorkerSpec } from "@muster/core";
import { expect, test } from "vitest";
import { LocalProvider } from "./local-provider.ts";

const RUN: OpenInfo = {
  runId: "run-1",
  flowName: "test",
  engine: undefined,
  image: undefined,
  signal: new AbortController().signal,
  log: () => {},
};

/** Workers that run a piece of JavaScript in a process of their own; what they become is kept. */
class Workers implements AsyncDisposable {
  readonly provider: LocalProvider;
  readonly #stop = new AbortController();
  readonly #ended = new Map<WorkerId, PromiseWithResolvers<WorkerObservation>>();

  constructor(code: string, program: string = process.execPath) {
    this.provider = new LocalProvider({ command: () => [program, "--input-type=module", "--eval", code] });
    void this.#observe();
  }

  async launch(ids: WorkerId[], env: Record<string, string> = {}): Promise<readonly LaunchResult[]> {
    await this.provider.open(RUN);
    return this.provider.launch(ids.map((id): WorkerSpec => ({ id, env, threads: 1, resources: {} })));
  }

  ended(id: WorkerId): Promise<WorkerObservation> {
    return this.#end(id).promise;
  }

  async *lines(id: WorkerId): AsyncGenerator<string, void> {
    yield* this.provider.logs(id, this.#stop.signal);
  }

  async line(id: WorkerId): Promise<string | undefined> {
    for await (const line of this.provider.logs(id, this.#stop.signal)) return line;
    return undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.provider.terminate([...this.#ended.keys()], { graceMs: 0 });
    await this.provider.close();
    this.#stop.abort();
  }

  async #observe(): Promise<void> {
    for await (const observation of this.provider.observe(this.#stop.signal)) {
      const end = this.#end(observation.id);
      if (observation.phase === "ended") end.resolve(observation);
    }
  }

  #end(id: WorkerId): PromiseWithResolvers<WorkerObservation> {
    const end = this.#ended.get(id) ?? Promise.withResolvers<WorkerObservation>();
    this.#ended.set(id, end);
    return end;
  }
}

const isAlive = (pid: number): boolean => {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
};

test("starts workers with their environment, and tells how they ended and what they printed, also afterwards", async () => {
  await using workers = new Workers(`
    console.log("I am", process.env.MUSTER_WORKER_ID);
    console.error("and fail: ä");
    process.stdout.write("without a line break");
    process.exitCode = 3;
  `);
  expect(await workers.launch(["w-1", "w-2"], { MUSTER_WORKER_ID: "me" })).toEqual([
    { id: "w-1", ok: true },
    { id: "w-2", ok: true },
  ]);
  expect(await workers.ended("w-1")).toMatchObject({
    phase: "ended",
    reason: "exit code 3",
    exitCode: 3,
    outOfMemory: false,
  });
  await workers.ended("w-2");
  const lines = await Array.fromAsync(workers.lines("w-1"));
  expect(lines.sort()).toEqual(["I am me", "and fail: ä", "without a line break"]);
});

test("a worker that wants to live is asked first, then ended, with what it started", async () => {
  await using workers = new Workers(`
    import { spawn } from "node:child_process";
    process.on("SIGTERM", () => console.log("not yet"));
    const child = spawn(process.execPath, ["--eval", "setInterval(() => {}, 1000)"], { stdio: "inherit" });
    console.log(process.pid + " " + child.pid);
    setInterval(() => {}, 1000);
  `);
  await workers.launch(["w-1"]);
  const pids = (await workers.line("w-1"))!.split(" ").map(Number);
  expect(pids.map(isAlive)).toEqual([true, true]);
  await workers.provider.terminate(["w-1", "unknown"], { graceMs: 200 });
  expect(isAlive(pids[0]!)).toBe(false);
  expect(await workers.ended("w-1")).toMatchObject({ signal: "SIGKILL", reason: "ended by SIGKILL" });
  expect(await Array.fromAsync(workers.lines("w-1"))).toContain("not yet");
  // Its parent is gone, so it is the system that reaps it; it may be a zombie for a moment, but never runs.
  expect(runs(pids[1]!)).toBe(false);
});

test("terminating again with no grace ends the patience of the first", async () => {
  await using workers = new Workers(
    `process.on("SIGTERM", () => {}); console.log("up"); setInterval(() => {}, 1000);`,
  );
  await workers.launch(["w-1"]);
  await workers.line("w-1");
  const patient = workers.provider.terminate(["w-1"], { graceMs: 600_000 });
  await workers.provider.terminate(["w-1"], { graceMs: 0 });
  await patient;
  expect(await workers.ended("w-1")).toMatchObject({ signal: "SIGKILL" });
});

test("a kill that was not asked for says so", async () => {
  await using workers = new Workers(`console.log(process.pid); setInterval(() => {}, 1000);`);
  await workers.launch(["w-1"]);
  process.kill(Number(await workers.line("w-1")), "SIGKILL");
  expect(await workers.ended("w-1")).toMatchObject({
    signal: "SIGKILL",
    reason: expect.stringContaining("not by Muster"),
  });
});

test("an exhausted heap is named as such", async () => {
  await using workers = new Workers("const all = []; for (;;) all.push(new Array(1000).fill(all.length));");
  await workers.launch(["w-1"], { NODE_OPTIONS: "--max-old-space-size=20" });
  expect(await workers.ended("w-1")).toMatchObject({
    outOfMemory: true,
    reason: expect.stringContaining("out of memory"),
  });
});

test("bad NODE_OPTIONS: the worker itself says what is wrong", async () => {
  await using workers = new Workers("");
  expect(await workers.launch(["w-1"], { NODE_OPTIONS: "--nonsense" })).toEqual([{ id: "w-1", ok: true }]);
  expect(await workers.ended("w-1")).toMatchObject({ exitCode: 9 });
  expect((await Array.fromAsync(workers.lines("w-1"))).join("\n")).toContain(
    "--nonsense is not allowed in NODE_OPTIONS",
  );
});

test("a program that does not exist is a failure for good, with its reason", async () => {
  await using workers = new Workers("", "/nowhere/node");
  expect(await workers.launch(["w-1"])).toEqual([
    {
      id: "w-1",
      ok: false,
      reason: "the program /nowhere/node cannot be started: spawn /nowhere/node ENOENT",
      permanent: true,
    },
  ]);
});

test("a provider that was closed leaves no hook behind", async () => {
  const before = hooks();
  {
    await using workers = new Workers("");
    await workers.launch(["w-1"]);
    expect(hooks()).toBe(before + 1);
  }
  expect(hooks()).toBe(before);
});

/** What is to be done at the exit of this process: one listener serves all. */
function hooks(): number {
  return (
    (globalThis as { [key: symbol]: Set<unknown> | undefined })[Symbol.for("muster.at-exit/1")]?.size ?? 0
  );
}

/** Whether a process runs; a zombie does not. */
function runs(pid: number): boolean {
  if (!isAlive(pid)) return false;
  return process.platform === "linux" && !/^State:\s+Z/m.test(readStatus(pid));
}

function readStatus(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/status`, "utf8");
  } catch {
    return "State:\tZ (gone)";
  }
}
