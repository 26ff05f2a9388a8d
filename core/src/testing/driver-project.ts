import { type ChildProcess, spawn } from "node:child_process";
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** `muster run` on a project of its own, in a process of its own. */
export class DriverProject implements AsyncDisposable {
  readonly #directory: string;
  readonly #children: ChildProcess[] = [];

  /** @param files what the project consists of, by their paths in it */
  constructor(files: Readonly<Record<string, string>>) {
    this.#directory = mkdtempSync(join(realpathSync(tmpdir()), "muster-contract-"));
    // It finds the same packages as the tests do.
    symlinkSync(join(process.cwd(), "node_modules"), join(this.#directory, "node_modules"), "junction");
    for (const [path, text] of Object.entries({ "package.json": '{ "type": "module" }', ...files })) {
      const file = join(this.#directory, path);
      mkdirSync(dirname(file), { recursive: true });
      writeFileSync(file, text);
    }
  }

  run(file: string, parameters: Readonly<Record<string, unknown>>): Driver {
    const muster = fileURLToPath(new URL("../../bin/muster.mjs", import.meta.url));
    const args = Object.entries(parameters).flatMap(([name, value]) => [
      "-p",
      `${name}=${JSON.stringify(value)}`,
    ]);
    const child = spawn(process.execPath, [muster, "run", join(this.#directory, file), "--json", ...args], {
      stdio: ["ignore", "pipe", "pipe"],
      env: { ...process.env, NODE_OPTIONS: "", NO_COLOR: "1" },
    });
    this.#children.push(child);
    return new Driver(child);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const child of this.#children) child.kill("SIGKILL");
    rmSync(this.#directory, { recursive: true, force: true });
  }
}

/** A driver that runs, or ran. */
export class Driver {
  /** Its exit code and what it printed, once it has ended. */
  readonly ended: Promise<{
    readonly exitCode: number | null;
    readonly stdout: string;
    readonly stderr: string;
  }>;
  readonly #child: ChildProcess;
  readonly #looking = new Set<() => void>();
  #stdout = "";
  #stderr = "";

  constructor(child: ChildProcess) {
    this.#child = child;
    child.stdout!.setEncoding("utf8").on("data", (text: string) => {
      this.#stdout += text;
    });
    child.stderr!.setEncoding("utf8").on("data", (text: string) => {
      this.#stderr += text;
      for (const look of this.#looking) look();
    });
    this.ended = new Promise((resolve) => {
      child.once("close", (exitCode) => {
        resolve({ exitCode, stdout: this.#stdout, stderr: this.#stderr });
        for (const look of this.#looking) look();
      });
    });
  }

  /** Waits for something that it logs; fails when it ends without. */
  logged(pattern: RegExp): Promise<RegExpExecArray> {
    return new Promise((resolve, reject) => {
      const look = (): void => {
        const found = pattern.exec(this.#stderr);
        const hasEnded = this.#child.exitCode !== null || this.#child.signalCode !== null;
        if (found === null && !hasEnded) return;
        this.#looking.delete(look);
        if (found !== null) resolve(found);
        else
          reject(new Error(`The driver ended without logging ${pattern}:\n${this.#stdout}${this.#stderr}`));
      };
      this.#looking.add(look);
      look();
    });
  }

  kill(): void {
    this.#child.kill("SIGKILL");
  }
}

/** How a flow's file names its cluster. */
export interface NamedCluster {
  readonly clusterClass: string;
  readonly clusterKwargs: object;
}

/** A flow that holds a worker for ever, and says when it does. */
export function endlessFlow(cluster: NamedCluster): string {
  return `
import { context, flow, task, TemporaryClusterExecutor } from "@muster/core";

const hold = task("hold", async () => {
  context.logger.info("holding in " + context.flowRunId);
  await new Promise(() => setInterval(() => {}, 1000));
});

const executor = new TemporaryClusterExecutor(${JSON.stringify(cluster)});
export default flow({ name: "endless", executor }, async () => hold());
`;
}

/** A flow whose task uses another module of its project, `lib/shout.js`, which no worker has. */
export function bundledFlow(cluster: NamedCluster): string {
  return `
import { flow, task, TemporaryClusterExecutor } from "@muster/core";
import { shout } from "./lib/shout.js";

const greet = task("greet", (name) => shout("hello " + name));

const executor = new TemporaryClusterExecutor(${JSON.stringify(cluster)});
export default flow({ name: "bundled", executor }, async ({ names }) => greet.map(names));
`;
}
