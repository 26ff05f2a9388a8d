import { describe, expect, onTestFinished, test, vi } from "vitest";
import type { EngineKit } from "./engine-kit.ts";
import { EngineRun } from "./engine-run.ts";

export function describeClosing(kit: EngineKit): void {
  describe("closing", () => {
    test("with tasks that run, lie at workers and wait: nothing is heard any more, and nothing is left", async () => {
      const run = await kit.begin({ threadsPerWorker: 3, workers: 2 });
      const file = run.files.file();
      const running = [
        run.begin("spin"),
        run.begin("forEver"),
        run.begin("obey", [file]),
        run.begin("keepThread", [run.files.gate()]),
      ];
      await run.running(...running);
      const note = run.fn("note", { expectedMs: 0.1 });
      for (let n = 0; n < 200; n++) run.begin(note, [file, "in"]);
      run.begin("bytes", [8 * 2 ** 20, 1]);
      expect(await run.end()).toEqual([]);
    });

    test("closing twice is closing once", async () => {
      const run = await kit.begin();
      const task = run.begin("forEver");
      await run.running(task);
      await Promise.all([run.engine.close(), run.engine.close(), run.engine[Symbol.asyncDispose]()]);
      await run.engine.close();
      expect(await run.end()).toEqual([]);
    });

    test("what was never started can be closed, and so can what has just begun to", async () => {
      const never = await EngineRun.make(kit.factory);
      expect(await never.end()).toEqual([]);
      never.files[Symbol.dispose]();
      const booting = await EngineRun.make(kit.factory, { workers: 2 });
      await booting.engine.start(booting.recorder);
      const joining = kit.takesWorkers ? [booting.addWorker(), booting.addWorker()] : [];
      for (const one of joining) one.catch(() => {});
      expect(await booting.end()).toEqual([]);
      booting.files[Symbol.dispose]();
    });

    test("programs that tasks have started and left end with it", async () => {
      const run = await kit.begin();
      const pid = (await run.value(run.begin("leaveProgram"))) as number;
      process.kill(pid, 0);
      expect(await run.end()).toEqual([]);
      expect(() => process.kill(pid, 0)).toThrow("ESRCH");
    });

    test("a large value that is on its way to who asked for it arrives", async () => {
      const run = await kit.begin();
      const bytes = 32 * 2 ** 20;
      const made = run.begin("bytes", [bytes, 1]);
      await run.succeeded(made);
      const unpacking = Promise.resolve(run.engine.unpack(made.value));
      await Promise.all([run.close(), unpacking]);
      expect(((await unpacking) as Uint8Array).length).toBe(bytes);
    });

    test("what it kept is gone, and that is what it says", async () => {
      const run = await kit.begin();
      const [small, large] = [run.begin("sum", [[1]]), run.begin("bytes", [2 ** 20, 1])];
      await run.succeeded(small, large);
      await run.close();
      expect(await run.engine.unpack(small.value)).toBe(1);
      const unpacking = (async () => run.engine.unpack(large.value))();
      await expect(unpacking).rejects.toMatchObject({ code: "CLOSED" });
      run.engine.release(large.value);
    });
  });

  const { broken } = kit.factory;
  if (broken === undefined) return;
  test("an engine that cannot start, or whose workers cannot, says why, and leaves nothing", async () => {
    for (const [name, value] of Object.entries(broken.env ?? {})) vi.stubEnv(name, value);
    onTestFinished(() => void vi.unstubAllEnvs());
    const run = await EngineRun.make({ ...kit.factory, open: broken.open });
    const failing = run.engine.start(run.recorder).then(() => run.recorder.until(() => undefined));
    await expect(failing).rejects.toThrow(broken.says);
    expect(await run.end()).toEqual([]);
    run.files[Symbol.dispose]();
  });
}
