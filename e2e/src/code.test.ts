import { readFileSync } from "node:fs";
import { LocalExecutor, MusterError } from "@muster/core";
import { describe, expect, test } from "vitest";
import { engineKwargs } from "./engines.ts";
import { Child } from "./support/child.ts";
import { EXECUTORS, localWorkers } from "./support/clusters.ts";
import { Project } from "./support/project.ts";

describe.each(EXECUTORS)("%s", (_name, executor) => {
  test("submits functions that stand alone, with futures as arguments", async () => {
    await using running = await executor().start();
    const three = running.submit((a: number, b: number) => a + b, [1, 2]);
    const six = running.submit(
      async (numbers: number[]) => numbers.reduce((a, b) => a + b),
      [[three, three]],
    );
    expect(await running.wait({ three, list: [six] })).toEqual({ three: 3, list: [6] });
    expect(await running.submit(async () => (await import("node:os")).EOL, [])).toBe("\n");
  });
});

test("a function that uses an outer variable is refused, by that variable's name", async () => {
  const factor = 3;
  const scale = (n: number) => n * factor;
  await using running = await localWorkers({ workers: 1 }).start();
  const submit = () => running.submit(scale, [2]);
  expect(submit).toThrow(MusterError);
  expect(submit).toThrow(/uses the outer variable "factor"/);
  expect(submit).toThrow(/Pass it as an argument/);

  // In this thread there is nothing to send.
  await using local = await new LocalExecutor().start();
  expect(await local.submit(scale, [2])).toBe(6);
});

const FILES = {
  "flows/everything.ts": `
    import { flow, task, context } from "@muster/core";
    import settings from "../settings.json" with { type: "json" };
    import { Level, Greeter, type Name } from "../lib/typescript.ts";

    const offset = await Promise.resolve(settings.offset);

    const greet = task("greet", (name: Name) => ({
      text: new Greeter().greet(name),
      level: Level.High,
      levelName: Level[Level.High],
      offset,
      file: import.meta.url.split("/").at(-1),
    }));
    const later = task({ name: "later" }, async (n: number) => {
      const { timesTen } = await import("../lib/later.ts");
      return timesTen(n);
    });
    const boom = task("boom", (n: number) => {
      const explode = () => {
        throw new Error("the zeroth");
      };
      return n === 0 ? explode() : n;
    });

    export const good = flow("good", ({ name }: { name: string }) => ({ greeting: greet(name), later: later(4) }));
    export const bad = flow("bad", async () => { await boom(0); });
    export const image = flow("image", () => context.image);
  `,
  "lib/typescript.ts": `
    export enum Level { Low, High }
    export type Name = string;
    function logged(target: any, key: string, descriptor: PropertyDescriptor) {
      const original = descriptor.value;
      descriptor.value = function (...args: any[]) { return "<" + original.apply(this, args) + ">"; };
    }
    export class Greeter {
      constructor(private readonly greeting: string = "hello") {}
      @logged
      greet(name: Name): string { return this.greeting + " " + name; }
    }
  `,
  "lib/later.ts": "export const timesTen = (n: number): number => n * 10;",
  "settings.json": '{ "offset": 7 }',
  "tsconfig.json": '{ "compilerOptions": { "experimentalDecorators": true } }',
  "plain.mjs": `
    import { appendFileSync } from "node:fs";
    import { flow, task, TemporaryClusterExecutor } from "@muster/core";
    appendFileSync("imports.log", "imported ");

    const double = task("double", (n) => n * 2);
    const executor = new TemporaryClusterExecutor({ clusterKwargs: ${JSON.stringify({ workers: 2, ...engineKwargs })} });
    const numbers = flow({ name: "numbers", executor }, (ns) => {
      appendFileSync("runs.log", "ran ");
      return double.map(ns);
    });
    const state = await numbers.run({ parameters: [1, 2, 3] });
    console.log(JSON.stringify(state.unwrap()));
    const again = await numbers.run({ parameters: [4] });
    console.log(JSON.stringify(again.unwrap()));
    appendFileSync("imports.log", "ended ");
  `,
  "library/tasks.mjs": `
    import { task } from "@muster/core";
    export const square = task("square", (n) => n * n);
    export const makeTask = (name, by) => task(name, (n) => n * by);
  `,
  "two-files.mjs": `
    import { flow, task, TemporaryClusterExecutor } from "@muster/core";
    import { square, makeTask } from "./library/tasks.mjs";
    const triple = makeTask("triple", 3);
    const fives = makeTask("fives", 5);
    const executor = new TemporaryClusterExecutor({ clusterKwargs: ${JSON.stringify({ workers: 1, ...engineKwargs })} });
    const state = await flow({ name: "two-files", executor }, () => [square(3), triple(3), fives(3)]).run();
    console.log(JSON.stringify(state.unwrap()));
  `,
};

test("TypeScript with enums, decorators, JSON, top-level await and dynamic imports runs on workers", async () => {
  await using project = await Project.make(FILES);
  await using child = Child.muster(
    ["run", "flows/everything.ts#good", "-p", 'name="you"', "--workers", "2", "--json"],
    { cwd: project.directory },
  );
  const { stdout, stderr, exitCode } = await child.ended;
  expect({ exitCode, stderr }).toMatchObject({ exitCode: 0 });
  expect(JSON.parse(stdout).result).toEqual({
    greeting: { text: "<hello you>", level: 1, levelName: "High", offset: 7, file: "everything.ts" },
    later: 40,
  });
});

test("a stack trace from a worker names the user's own file and line", async () => {
  await using project = await Project.make(FILES);
  await using child = Child.muster(["run", "flows/everything.ts#bad", "--workers", "1"], {
    cwd: project.directory,
  });
  const { stderr, exitCode } = await child.ended;
  expect(exitCode).toBe(1);
  expect(stderr).toContain("the zeroth");
  expect(stderr).toMatch(/everything\.ts:21:\d+/);
});

test("a program under plain node may run its flow at the top level: workers that import it do not", async () => {
  await using project = await Project.make(FILES);
  await using child = new Child(["plain.mjs"], { cwd: project.directory });
  const { stdout, stderr, exitCode } = await child.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toBe("[2,4,6]\n[8]\n");
  expect(readFileSync(project.path("runs.log"), "utf8")).toBe("ran ran ");
  // Workers import the file up to its flow's run, and nothing after it.
  const imports = readFileSync(project.path("imports.log"), "utf8");
  expect(imports.match(/ended/g)).toHaveLength(1);
});

test("tasks may come from other files, also made by a function that is called at the top level", async () => {
  await using project = await Project.make(FILES);
  await using child = new Child(["two-files.mjs"], { cwd: project.directory });
  const { stdout, stderr, exitCode } = await child.ended;
  expect({ exitCode, stderr }).toEqual({ exitCode: 0, stderr: "" });
  expect(stdout).toBe("[9,9,15]\n");
});

test("the image of a run is what the option, else the environment variable says", async () => {
  await using project = await Project.make(FILES);
  const run = async (args: string[], env: Record<string, string>) => {
    await using child = Child.muster(["run", "flows/everything.ts#image", "--json", ...args], {
      cwd: project.directory,
      env,
    });
    return JSON.parse((await child.ended).stdout).result as string;
  };
  const env = { MUSTER__CONTEXT__IMAGE: "from/env:1" };
  expect(await run([], env)).toBe("from/env:1");
  expect(await run(["--image", "from/option:2"], env)).toBe("from/option:2");
});
