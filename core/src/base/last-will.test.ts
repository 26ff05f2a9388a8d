import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { isProcess } from "./is-process.ts";

const SLEEP = `process.on("SIGTERM", () => {}); console.log(process.pid); setInterval(() => {}, 1000);`;

function node(program: string): ChildProcess {
  return spawn(process.execPath, ["--input-type=module", "--eval", program], {
    stdio: ["ignore", "pipe", "inherit"],
  });
}

async function firstLine(child: ChildProcess): Promise<string> {
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  return line.toString().trim();
}

test("what is in the will of a process that is killed is done, and nothing that is not", async () => {
  const directory = mkdtempSync(join(tmpdir(), "muster-test-"));
  writeFileSync(join(directory, "file"), "x");
  const [heir, forgotten] = [node(SLEEP), node(SLEEP)];
  try {
    await Promise.all([firstLine(heir), firstLine(forgotten)]);
    const module = new URL("./last-will.ts", import.meta.url).href;
    const testator = node(`
      const { LastWill } = await import(${JSON.stringify(module)});
      const will = await LastWill.make(${JSON.stringify(directory)});
      will.add(${heir.pid});
      will.add(${forgotten.pid});
      will.forget(${forgotten.pid});
      console.log("made");
      setInterval(() => {}, 1000);
    `);
    await firstLine(testator);
    const ended = once(heir, "exit");
    testator.kill("SIGKILL");
    expect(await ended).toEqual([null, "SIGKILL"]);
    await expect.poll(() => isThere(directory), { timeout: 20_000 }).toBe(false);
    expect(isProcess(forgotten.pid!)).toBe(true);
  } finally {
    heir.kill("SIGKILL");
    forgotten.kill("SIGKILL");
  }
});

test("a process that has revoked its will may end, and all stays as it is", async () => {
  const directory = mkdtempSync(join(tmpdir(), "muster-test-"));
  try {
    const module = new URL("./last-will.ts", import.meta.url).href;
    const testator = node(`
      const { LastWill } = await import(${JSON.stringify(module)});
      const will = await LastWill.make(${JSON.stringify(directory)});
      console.log("made");
      const alive = setInterval(() => {}, 1000);
      process.once("SIGTERM", () => {
        will.revoke();
        clearInterval(alive);
      });
    `);
    await firstLine(testator);
    expect(isNamed(directory)).toBe(true);
    testator.kill("SIGTERM");
    await expect.poll(() => isNamed(directory), { timeout: 20_000 }).toBe(false);
    expect(isThere(directory)).toBe(true);
  } finally {
    rmSync(directory, { recursive: true });
  }
});

/** Whether a process runs that was told of it. */
function isNamed(directory: string): boolean {
  return execFileSync("ps", ["-eo", "args"], { encoding: "utf8" }).includes(` ${directory}\n`);
}

function isThere(directory: string): boolean {
  try {
    readdirSync(directory);
    return true;
  } catch {
    return false;
  }
}
