import { describeSituations, EVERYWHERE, type Place } from "./frame/describe-situations.ts";

/** A task that imports nothing, one that gives a large value, and one that takes it. */
const FLOW = `
  const inc = task("inc", (n: number) => n + 1);
  const make = task("make", (size: number) => new Uint8Array(size));
  const sizeOf = task("size-of", (value: Uint8Array) => value.length);
  export default flow({ name: "works", executor }, () => [inc.map([1, 2]), sizeOf(make(300_000))]);
`;
const WORKS = { state: "Success", result: [[2, 3], 300_000] } as const;
/** Nobody without a name may use the socket of the Docker Engine. */
const HERE = EVERYWHERE.filter((place) => place !== "docker");
/** Those that start programs of this machine. */
const PROGRAMS: readonly Place[] = ["processes", "cluster"];

describeSituations("odd places", [
  {
    name: "a user without a name, as OpenShift has them",
    on: HERE,
    start: { uid: 12_345 },
    flow: FLOW,
    after: WORKS,
  },
  {
    name: "a user without a name, in a container",
    start: { uid: 12_345, container: true },
    on: HERE,
    flow: FLOW,
    after: WORKS,
  },
  {
    name: "workers in containers whose user has no name",
    on: ["docker"],
    executor: { docker: { user: "12345" } },
    flow: FLOW,
    after: WORKS,
  },
  {
    name: "a user without a home, and without a place for temporary files where TMPDIR says",
    on: HERE,
    start: { uid: 12_345, env: { HOME: "/nowhere", TMPDIR: "/nowhere" } },
    flow: FLOW,
    after: WORKS,
  },
  {
    name: "muster run by a user without a name and a home",
    start: { by: "muster run", uid: 12_345, env: { HOME: "/nowhere" } },
    on: HERE,
    flow: FLOW,
    after: { state: "Success" },
  },
  {
    name: "a directory that is removed under the program",
    // Node starts no thread there.
    on: ["local", ...PROGRAMS],
    flow: FLOW,
    main: `
      import { mkdirSync, rmdirSync } from "node:fs";
      mkdirSync("removed");
      process.chdir("removed");
      rmdirSync(process.cwd());
      ended(await self.run());
    `,
    after: WORKS,
  },
  {
    name: "no room for more open files: the flow fails with what to do, and the program lives and works once there is",
    on: PROGRAMS,
    flow: FLOW,
    main: `
      import { closeSync, openSync } from "node:fs";
      const warm = await flow({ name: "warm", executor }, () => 1).run();
      console.log("warm: " + warm.name);
      const files: number[] = [];
      try { for (;;) files.push(openSync("/dev/null", "r")); } catch {}
      for (const file of files.splice(0, 4)) closeSync(file);
      const full = await self.run();
      console.log("full: " + full.name + ": " + full.message);
      for (const file of files) closeSync(file);
      ended(await self.run());
    `,
    start: { openFiles: 200 },
    after: { ...WORKS, stdout: ["warm: Success", /full: Failed: .*"ulimit -n"/] },
  },
  {
    name: "more workers than there may be open files",
    on: PROGRAMS,
    executor: { workers: 40 },
    start: { openFiles: 60 },
    flow: FLOW,
    after: { state: "Failed", message: /too many open files|"ulimit -n"/ },
  },
  {
    name: "an environment that is too large for any program",
    on: ["cluster"],
    executor: { cluster: { env: { LARGE: "x".repeat(2 ** 18) } } },
    flow: FLOW,
    after: {
      state: "Failed",
      message: /larger than the system takes: give large values to tasks as arguments/,
    },
  },
]);
