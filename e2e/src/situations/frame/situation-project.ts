import { chmodSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { deserialize } from "node:v8";
import type { MusterEvent } from "@muster/core";
import * as core from "@muster/core";
import { engineKwargs } from "../../engines.ts";
import { Project } from "../../support/project.ts";
import type { ExecutorFacts, Outcome, Place, Situation } from "./situation.ts";

/** The label of all containers of a situation. */
export const LABEL = "muster.e2e";

/** Muster's store of bundles and installed packages; what Node compiled. */
const STAYS = /^(muster-\d+|node-compile-cache)$/;

/** A row as a project of its user: its files, and what its programs leave in it for the test to read. */
export class SituationProject implements AsyncDisposable {
  readonly #project: Project;

  private constructor(project: Project) {
    this.#project = project;
    // Others than its owner may run the program.
    chmodSync(project.directory, 0o755);
    mkdirSync(this.temporary);
    chmodSync(this.temporary, 0o777);
    for (const file of [this.ledger, this.events, this.#outcome]) {
      writeFileSync(file, "");
      chmodSync(file, 0o666);
    }
  }

  static async make(situation: Situation, place: Place, mark: string): Promise<SituationProject> {
    const project = new SituationProject(await Project.make({}));
    for (const [path, text] of Object.entries(project.#files(situation, place, mark)))
      await project.#project.write(path, text);
    return project;
  }

  get directory(): string {
    return this.#project.directory;
  }

  path(name: string): string {
    return this.#project.path(name);
  }

  get ledger(): string {
    return this.path("ledger.txt");
  }

  /** For temporary files: what is left there was left behind. */
  get temporary(): string {
    return this.path("tmp");
  }

  get events(): string {
    return this.path("events.jsonl");
  }

  get #outcome(): string {
    return this.path("outcome.bin");
  }

  words(): string[] {
    return readFileSync(this.ledger, "utf8").split("\n").slice(0, -1);
  }

  eventsSoFar(): MusterEvent[] {
    const lines = readFileSync(this.events, "utf8").split("\n").slice(0, -1);
    return lines.map((line) => JSON.parse(line) as MusterEvent);
  }

  /** How the flow ended, as far as the driver lived to say it. */
  outcome(): Outcome | undefined {
    const bytes = readFileSync(this.#outcome);
    if (bytes.length > 0) return deserialize(bytes) as Outcome;
    const last = this.eventsSoFar().findLast((event) => event.type === "flow");
    if (last === undefined || last.state === "Running") return undefined;
    return { state: last.state, message: last.message ?? "" };
  }

  /** Temporary files that are there; what is meant for the next run may stay. */
  leftFiles(): string[] {
    if (!existsSync(this.temporary)) return [];
    return readdirSync(this.temporary).filter((name) => !STAYS.test(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#project[Symbol.asyncDispose]();
  }

  #files(situation: Situation, place: Place, mark: string): Record<string, string> {
    const { flow = "", main, start = {}, executor = {}, files } = situation;
    const run = `ended(await self.run({ ${start.runOptions ?? ""} }));`;
    // One line each, so that the numbers of the user's lines are off by one alone.
    const names = Object.keys(core).join(", ");
    const header = `import { ${names} } from "@muster/core"; import { compute, forever, ran, told } from "./kit.ts"; import { executor, place } from "./executor.ts";`;
    const self = flow === "" ? "" : `import self from "./flow.ts";`;
    return {
      "kit.ts": this.#withPaths("kit.ts"),
      "outcome.ts": this.#withPaths("outcome.ts"),
      "executor.ts": `import { LocalExecutor, LocalPoolExecutor, TemporaryClusterExecutor } from "@muster/core";
export const place = ${JSON.stringify(place)};
export const executor = ${this.#executor(place, executor, mark)};
`,
      "flow.ts": `${header}\n${flow}\n`,
      "main.ts": `${header} import { ended, heard } from "./outcome.ts"; ${self}\n${main ?? run}\n`,
      ...files,
    };
  }

  #withPaths(name: string): string {
    return readFileSync(new URL(name, import.meta.url), "utf8")
      .replace("@LEDGER@", this.ledger)
      .replace("@OUTCOME@", this.#outcome)
      .replace("@EVENTS@", this.events);
  }

  #executor(place: Place, facts: ExecutorFacts, mark: string): string {
    const { workers = 2, tasksPerThread, cancelGraceMs, adapt } = facts;
    const pool = { numWorkers: workers, tasksPerThread, cancelGraceMs };
    const clusterKwargs = { workers, tasksPerThread, ...facts.cluster };
    // Sooner than by default, but not because the machine is busy.
    const clientKwargs = { deathTimeoutMs: 10_000, cancelGraceMs, ...facts.client };
    const common = { clientKwargs, adaptKwargs: adapt };
    switch (place) {
      case "own":
        return "undefined";
      case "local":
        return "new LocalExecutor()";
      case "threads":
        return `new LocalPoolExecutor(${JSON.stringify(pool)})`;
      case "processes":
        return `new LocalPoolExecutor(${JSON.stringify({ ...pool, scheduler: "processes" })})`;
      case "cluster":
        return `new TemporaryClusterExecutor(${JSON.stringify({ ...common, clusterKwargs: { ...engineKwargs, ...clusterKwargs } })})`;
      case "docker": {
        const kwargs = {
          ...clusterKwargs,
          ...facts.docker,
          labels: { [LABEL]: mark },
          volumes: [`${this.directory}:${this.directory}`],
          env: { ...facts.cluster?.env, ...facts.docker?.env, MUSTER_E2E_MARK: mark },
        };
        return `new TemporaryClusterExecutor(${JSON.stringify({ ...common, clusterClass: "providers/docker#DockerCluster", clusterKwargs: kwargs })})`;
      }
    }
  }
}
