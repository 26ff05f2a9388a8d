import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { MusterEvent } from "../contracts/event.ts";
import { WorkerExitCode } from "../contracts/worker-exit-code.ts";
import type { JsonReport } from "./json-report.ts";

const corePackage = fileURLToPath(new URL("../..", import.meta.url));
const command = join(corePackage, "bin", "muster.mjs");

const FILES = {
  "package.json": '{ "type": "module" }',
  "add.ts": `
    import { flow, task } from "@muster/core";
    const add = task("add", (a: number, b: number) => a + b);
    export default flow("sum", async ({ numbers = [1, 2] }: { numbers?: number[] }) => {
      console.log("the flow's own output");
      return numbers.reduce((sum: any, n) => add(sum, n), 0);
    });`,
  "several.ts": `
    import { flow } from "@muster/core";
    export const one = flow("one", async () => 1);
    export const two = flow("two", async () => 2);
    export const three = 3;`,
  "none.ts": "export const a = 1, b = 2;",
  "broken.ts": "export default flow(;",
  "throws.ts": `throw new Error("no database");`,
  "fails.ts": `
    import { flow, task } from "@muster/core";
    const explode = task("explode", (n: number) => {
      if (n === 2) throw new Error("too many: " + n, { cause: new TypeError("the reason") });
    });
    export default flow("boom", async () => explode.map([1, 2, 3]));`,
  "endless.ts": `
    import { context, flow, task } from "@muster/core";
    const polite = task("polite", () => new Promise((resolve) => {
      context.signal.addEventListener("abort", resolve);
      console.log("waiting");
    }));
    const stubborn = task("stubborn", () => { console.log("waiting"); while (true); });
    export const gives = flow("gives", async () => polite());
    export const holds = flow("holds", async () => stubborn());`,
};

let project: string;

beforeAll(async () => {
  project = await realpath(await mkdtemp(join(tmpdir(), "muster-cli-")));
  await mkdir(join(project, "node_modules", "@muster"), { recursive: true });
  await symlink(corePackage, join(project, "node_modules", "@muster", "core"), "dir");
  for (const [name, text] of Object.entries(FILES)) await writeFile(join(project, name), text);
});

afterAll(() => rm(project, { recursive: true, force: true }));

interface Ended {
  readonly exitCode: number | null;
  readonly stdout: string;
  readonly stderr: string;
}

/** Runs the command in the project; `onOutput` sees what it has printed so far. */
function muster(
  args: readonly string[],
  onOutput?: (output: string, kill: (signal: NodeJS.Signals) => void) => void,
) {
  return new Promise<Ended>((resolve, reject) => {
    const { NO_COLOR: _no, FORCE_COLOR: _force, ...env } = process.env;
    const child = spawn(process.execPath, [command, ...args], { cwd: project, env });
    let stdout = "";
    let stderr = "";
    const told = (): void => onOutput?.(stdout + stderr, (signal) => child.kill(signal));
    child.stdout.setEncoding("utf8").on("data", (text) => {
      stdout += text;
      told();
    });
    child.stderr.setEncoding("utf8").on("data", (text) => {
      stderr += text;
      told();
    });
    child.on("error", reject);
    child.on("close", (exitCode) => resolve({ exitCode, stdout, stderr }));
  });
}

test.each([
  ["a file that is not there", ["run", "nowhere.ts"], /^muster: There is no file nowhere\.ts in .*\n$/],
  ["a directory", ["run", "node_modules"], /^muster: node_modules is no file\. .*\n$/],
  [
    "a file without a flow",
    ["run", "none.ts"],
    /^muster: none\.ts exports no flow\. It exports: a, b\. .*\n$/,
  ],
  [
    "several flows",
    ["run", "several.ts"],
    /^muster: several\.ts exports several flows: one, two\. Name one: several\.ts#one\n$/,
  ],
  [
    "an unknown export",
    ["run", "several.ts#four"],
    /^muster: several\.ts has no export four\. Its flows: one, two\.\n$/,
  ],
  [
    "an export that is no flow",
    ["run", "several.ts#three"],
    /^muster: The export three of several\.ts is no flow\. Its flows: one, two\.\n$/,
  ],
  [
    "a parameter that is not JSON",
    ["run", "add.ts", "-p", "n=abc"],
    /^muster: -p n: "abc" is not JSON\. Text needs quotes: -p 'n="abc"'\n$/,
  ],
  [
    "an unknown option",
    ["run", "add.ts", "--worker", "3"],
    /^muster: unknown option '--worker' \(Did you mean --workers\?\) See muster run --help\.\n$/,
  ],
  [
    "no number of workers",
    ["run", "add.ts", "--workers", "no"],
    /^muster: .*'no' is invalid\. Expected a whole number from 1 on\. See muster run --help\.\n$/,
  ],
  [
    "a log level that is none",
    ["run", "add.ts", "--log-level", "loud"],
    /^muster: .*Allowed choices are debug, info, warn, error\. See .*\n$/,
  ],
  ["no file", ["run"], /^muster: missing required argument 'file\[#export\]'\. See muster run --help\.\n$/],
  ["an unknown command", ["walk"], /^muster: unknown command 'walk'\. See muster --help\.\n$/],
  [
    "a file for events that cannot be written",
    ["run", "add.ts", "--events", "no/such/dir"],
    /^muster: --events no\/such\/dir: .*\n$/,
  ],
])("%s: one line that says so, and exit code 2", async (_what, args, line) => {
  const { exitCode, stdout, stderr } = await muster(args);
  expect(stderr).toMatch(line);
  expect({ exitCode, stdout }).toEqual({ exitCode: 2, stdout: "" });
});

test.each([[["--help"]], [["run", "--help"]], [["worker", "--help"]]])(
  "muster %s shows how to use it",
  async (args) => {
    const { exitCode, stdout } = await muster(args);
    expect(exitCode).toBe(0);
    expect(stdout).toMatch(/Usage: muster/);
    expect(stdout).toMatch(/MUSTER_TOKEN|muster run flows/);
  },
);

test("muster worker is the worker's own program, which says what it lacks", async () => {
  const { exitCode, stderr } = await muster(["worker", "tcp://127.0.0.1:1"]);
  expect(stderr).toMatch(/^muster worker: The environment variable MUSTER_TOKEN is not set\. .*\n$/);
  expect(exitCode).toBe(WorkerExitCode.usage);
});

test("no command at all shows the help and is bad usage", async () => {
  const { exitCode, stderr } = await muster([]);
  expect({ exitCode, help: stderr.includes("Usage: muster") }).toEqual({ exitCode: 2, help: true });
});

test("a flow that succeeds ends with 0 and a summary, and its own output goes to stdout", async () => {
  const { exitCode, stdout, stderr } = await muster(["run", "add.ts", "-p", "numbers=[1,2,3]"]);
  expect(stdout).toBe("the flow's own output\n6\n");
  expect(stderr).toMatch(/^Success sum\n3 tasks in /m);
  expect(exitCode).toBe(0);
});

test.each([
  ["text", '"hello\\nyou"', "hello\nyou\n"],
  [
    "an object longer than a line",
    "{ a: Array.from({ length: 300 }, (_, n) => n), m: new Map([[1, 2n]]) }",
    `${JSON.stringify({ a: Array.from({ length: 300 }, (_, n) => n), m: [[1, "2"]] })}\n`,
  ],
  ["bytes", "Buffer.from([104, 105])", "hi"],
  ["nothing", "undefined", ""],
  ["a cycle", "(() => { const a: any = {}; a.a = a; return a; })()", "<ref *1> { a: [Circular *1] }\n"],
])("in a pipe, stdout gets the whole result: %s", async (_what, value, printed) => {
  await writeFile(
    join(project, "gives.ts"),
    `import { flow } from "@muster/core"; export default flow("gives", () => (${value}));`,
  );
  const { stdout } = await muster(["run", "gives.ts"]);
  expect(stdout).toBe(printed);
});

test("--json gives one line on stdout, and everything else goes to stderr", async () => {
  const { exitCode, stdout, stderr } = await muster(["run", "add.ts", "--json"]);
  const report = JSON.parse(stdout) as JsonReport;
  expect(report).toMatchObject({ state: "Success", result: 3, counts: { submitted: 2, done: 2, failed: 0 } });
  expect(report.counts.tasks).toMatchObject([{ name: "add", done: 2 }]);
  expect(report.timings.elapsedMs).toBeGreaterThanOrEqual(0);
  expect(stderr).toContain("the flow's own output");
  expect(exitCode).toBe(0);
});

test("one flow of several is chosen by its export", async () => {
  const { stdout } = await muster(["run", "several.ts#two", "--json"]);
  expect(JSON.parse(stdout)).toMatchObject({ state: "Success", result: 2 });
});

test.each([
  ["in this process", []],
  ["on a cluster", ["--workers", "2"]],
])(
  "a task that fails %s: its name, message, place in the user's file, and cause; exit code 1",
  async (_where, options) => {
    const { exitCode, stdout, stderr } = await muster(["run", "fails.ts", "--json", ...options]);
    expect(stderr).toMatch(/^Failed boom$/m);
    expect(stderr).toMatch(/explode/);
    expect(stderr).toContain("too many: 2");
    expect(stderr).toMatch(/ \(?fails\.ts:4:\d+\)?$/m);
    expect(stderr).toContain("caused by: TypeError: the reason");
    expect(stderr).not.toMatch(/node:internal|core\/(dist|src)/);
    const report = JSON.parse(stdout.trim()) as JsonReport;
    expect(report).toMatchObject({ state: "Failed", counts: { submitted: 3, failed: 1 } });
    expect(exitCode).toBe(1);
  },
);

test("a file that does not compile is told with its place; one that throws, with its frames", async () => {
  const broken = await muster(["run", "broken.ts"]);
  expect(broken.stderr).toMatch(/^muster: .*\n +at broken\.ts:1:21: export default flow\(;\n$/);
  expect(broken.exitCode).toBe(1);

  const throws = await muster(["run", "throws.ts"]);
  expect(throws.stderr).toMatch(/^Error: no database\n {4}at .*throws\.ts:1:7\)?\n/);
  expect(throws.exitCode).toBe(1);
});

test("--events writes each event as a line of JSON", async () => {
  const file = join(project, "events.jsonl");
  await muster(["run", "add.ts", "--events", file]);
  const events = (await readFile(file, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as MusterEvent);
  expect(events.filter((event) => event.type === "task" && event.state === "Success")).toHaveLength(2);
  expect(events.at(-1)).toMatchObject({ type: "flow", flowName: "sum", state: "Success" });
});

test("--workers runs the flow on a cluster, whose boot and end are in the summary", async () => {
  const { exitCode, stderr } = await muster(["run", "add.ts", "--workers", "2"]);
  expect(stderr).toMatch(/^Success sum$/m);
  expect(stderr).toMatch(/cluster booted in .*, gone in /);
  expect(exitCode).toBe(0);
});

test.each([
  ["cancels the run", "gives", ["waiting"]],
  ["that comes twice ends a task that does not listen", "holds", ["waiting", "Ctrl-C again"]],
])("Ctrl-C %s; exit code 130", async (_what, name, answers) => {
  const left = [...answers];
  const { exitCode, stderr } = await muster(
    ["run", `endless.ts#${name}`, "--workers", "1"],
    (output, kill) => {
      if (left[0] === undefined || !output.includes(left[0])) return;
      left.shift();
      kill("SIGINT");
    },
  );
  expect(stderr).toContain(`Cancelled ${name}\nThe run was cancelled: Ctrl-C was received.\n`);
  expect(exitCode).toBe(130);
});
