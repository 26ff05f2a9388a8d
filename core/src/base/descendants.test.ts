import { execFile } from "node:child_process";
import { promisify } from "node:util";
import { expect, test } from "vitest";

/** What a process of its own says that does this first. */
async function says(code: string): Promise<unknown> {
  const file = new URL("./descendants.ts", import.meta.url).href;
  const program = `import { hasChildren, hasHadChildren } from ${JSON.stringify(file)};
    import { execFileSync, spawn } from "node:child_process";
    ${code}
    console.log(JSON.stringify([hasChildren(), hasHadChildren()]));
    process.exit();`;
  const args = ["--input-type=module", "--eval", program];
  const { stdout } = await promisify(execFile)(process.execPath, args);
  return JSON.parse(stdout);
}

// Elsewhere nobody can tell.
const isLinux = process.platform === "linux";

test("a process knows whether it has started any that runs, or ever has", async () => {
  expect(await says("")).toEqual(isLinux ? [false, false] : [true, true]);
  expect(await says('spawn("sleep", ["5"]).unref();')).toEqual([true, true]);
  expect(await says('execFileSync("true");')).toEqual(isLinux ? [false, true] : [true, true]);
  // One that is nobody's child any more was once started by one that is gone.
  expect(await says(`execFileSync("sh", ["-c", "sleep 1 > /dev/null 2>&1 &"]);`)).toEqual(
    isLinux ? [false, true] : [true, true],
  );
});
