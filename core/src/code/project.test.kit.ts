import { mkdir, mkdtemp, realpath, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { Worker } from "node:worker_threads";
import type { BundleUnit, CallSite } from "../contracts/code-unit.ts";
import { writeArtifact } from "./artifact-store.ts";
import { bundle } from "./bundle.ts";

export interface Call {
  readonly name: string;
  readonly args?: readonly unknown[];
  readonly site?: CallSite;
}

export interface ThreadData {
  readonly path: string;
  readonly calls: readonly Call[];
  readonly timeoutMs: number | undefined;
}

/** What came of a call: the value, or what was thrown. */
export interface Outcome {
  readonly value?: unknown;
  readonly site?: CallSite | undefined;
  readonly error?: Error & { code?: string };
  readonly stack?: string | undefined;
}

/** A user's project in a directory of its own, with a package `@muster/core`. */
export class Project implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** @param files their texts, by path inside the project */
  static async create(files: Readonly<Record<string, string>>): Promise<Project> {
    const project = new Project(await realpath(await mkdtemp(join(tmpdir(), "muster-project-"))));
    await project.write({
      "package.json": '{ "type": "module" }',
      "node_modules/@muster/core/package.json":
        '{ "name": "@muster/core", "type": "module", "exports": "./index.js" }',
      "node_modules/@muster/core/index.js": `export * from "${new URL("./core.test.kit.ts", import.meta.url)}";`,
      ...files,
    });
    return project;
  }

  async write(files: Readonly<Record<string, string>>): Promise<void> {
    for (const [name, text] of Object.entries(files)) {
      await mkdir(dirname(this.path(name)), { recursive: true });
      await writeFile(this.path(name), text);
    }
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  bundle(roots: readonly string[], external?: readonly string[]): Promise<BundleUnit> {
    return bundle({
      roots: roots.map((root) => this.path(root)),
      resolveFrom: this.directory,
      ...(external && { external }),
    });
  }

  /** Loads a bundle in a thread and calls tasks of it, one after the other. */
  async run(unit: BundleUnit, calls: readonly Call[], timeoutMs?: number): Promise<Outcome[]> {
    const workerData = { path: await writeArtifact(unit), calls, timeoutMs };
    const worker = new Worker(new URL("./thread.test.kit.ts", import.meta.url), { workerData });
    try {
      return await new Promise<Outcome[]>((resolve, reject) => {
        worker.once("message", resolve);
        worker.once("error", reject);
        worker.once("exit", (code) => reject(new Error(`The thread ended with ${code} before it answered.`)));
      });
    } finally {
      await worker.terminate();
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }
}
