import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { fateOf, processIdentity } from "./process-identity.ts";

const MODULE = new URL("./process-identity.ts", import.meta.url).href;

test("a process lives as long as it does, also while it is stopped, and is gone as soon as it has ended", async () => {
  const code = `import { processIdentity } from ${JSON.stringify(MODULE)}; console.log(processIdentity()); setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, ["--input-type=module", "--eval", code], {
    stdio: ["ignore", "pipe", 2],
  });
  const [line] = (await once(child.stdout!, "data")) as [Buffer];
  const identity = line.toString().trim();
  expect(identity).not.toBe(processIdentity());
  expect(fateOf(identity)).toBe("lives");
  child.kill("SIGSTOP");
  expect(fateOf(identity)).toBe("lives");
  child.kill("SIGKILL");
  await once(child, "exit");
  expect(fateOf(identity)).toBe("gone");
});

test("another process that has its number now is not it", () => {
  expect(fateOf(processIdentity())).toBe("lives");
  expect(fateOf(processIdentity().replace(/\S+$/, "1"))).toBe("gone");
});

test("of a process of another machine, container or start of this machine nobody here can tell", () => {
  const boot = readFileSync("/proc/sys/kernel/random/boot_id", "latin1").trim();
  const otherBoot = processIdentity().replace(boot, "00000000-0000-0000-0000-000000000000");
  const otherContainer = processIdentity().replace(/ \d+ (\d+ \S+)$/, " 1 $1");
  for (const identity of [otherBoot, otherContainer, `other${processIdentity()}`, "", "x 1 2"])
    expect(fateOf(identity)).toBe("elsewhere");
});
