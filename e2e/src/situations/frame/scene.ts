import { appendFileSync, readFileSync } from "node:fs";
import type { MusterEvent } from "@muster/core";
import { Child, type ChildEnd, MUSTER } from "../../support/child.ts";
import { blobDirectoriesOf, until } from "../../support/left-behind.ts";
import { containersWith, docker, removeContainersWith } from "./containers.ts";
import type { Place, Situation } from "./situation.ts";
import { LABEL, type SituationProject } from "./situation-project.ts";

const REPOSITORY = new URL("../../../..", import.meta.url).pathname;
const IMAGE = "node:24-bookworm-slim";

/** A worker, not what its tasks started, which has its environment; in a container, the program that loads it. */
const WORKER = /^\S*node\b.* (\S*worker\.cjs|--eval .*mkdtempSync)/s;
/** What Muster itself starts. */
const OURS = /worker\.cjs|mkdtempSync|docker-init|esbuild --service/;

/** A driver that runs, and what can be done to it. */
export class Scene implements AsyncDisposable {
  readonly place: Place;
  readonly project: SituationProject;
  readonly child: Child;
  readonly #mark: string;
  readonly #isInContainer: boolean;
  #pid: number | undefined;

  constructor(situation: Situation, facts: { place: Place; project: SituationProject; mark: string }) {
    this.place = facts.place;
    this.project = facts.project;
    this.#mark = facts.mark;
    const { start = {} } = situation;
    this.#isInContainer = start.container === true;
    const { directory, temporary } = this.project;
    const env = { ...start.env, MUSTER_E2E_MARK: this.#mark };
    const [program, ...args] = commandOf(situation, this.project, { ...env, TMPDIR: "/tmp" });
    this.child = new Child(args, {
      program: program!,
      cwd: directory,
      env: { TMPDIR: temporary, ...env },
      ...(start.uid !== undefined && !this.#isInContainer && { uid: start.uid }),
    });
    if (start.terminal !== true) this.#pid = this.child.pid;
  }

  /** Waits until something called `ran` with this word, so many times. */
  async marked(word: string | number, times = 1): Promise<void> {
    const count = (): number => this.project.words().filter((each) => each === String(word)).length;
    await this.until(() => count() >= times, `${times} times ${word} in the ledger`);
  }

  /** Waits until the driver has printed this. */
  printed(pattern: RegExp): Promise<RegExpExecArray> {
    return this.child.printed(pattern);
  }

  /** Waits for an event; the program must run its flow with `onEvent: heard`. */
  async event<Type extends MusterEvent["type"]>(
    type: Type,
    fits: (event: Extract<MusterEvent, { type: Type }>) => boolean = () => true,
  ): Promise<void> {
    const isIt = (event: MusterEvent): boolean => event.type === type && fits(event as never);
    await this.until(() => this.project.eventsSoFar().some(isIt), `an event ${type}`);
  }

  /** Waits for anything else; fails when the driver ends before. */
  async until(condition: () => boolean, what: string): Promise<void> {
    let hasEnded = false;
    await until(() => {
      hasEnded = this.child.hasEnded;
      return condition() || hasEnded;
    });
    if (!condition() && hasEnded) throw new Error(`The driver ended, and there was not ${what}.`);
  }

  /** What `told(word)` waits for. */
  tell(word: string): void {
    appendFileSync(this.project.ledger, `${word}\n`);
  }

  /** To the driver alone. */
  async signal(signal: NodeJS.Signals): Promise<void> {
    if (this.#isInContainer) await docker.getContainer(containerName(this.#mark)).kill({ signal });
    else process.kill(await this.driverPid(), signal);
  }

  /** As Ctrl-C in a terminal: to all processes of the driver's group. */
  signalGroup(signal: NodeJS.Signals): void {
    this.child.killGroup(signal);
  }

  /** The terminal is closed. */
  hangUp(): void {
    this.child.kill("SIGKILL");
  }

  /** Of the workers' processes, once so many are there. A container's, too, for who may see those. */
  async workers(count = 1): Promise<number[]> {
    let found: number[] = [];
    await this.until(() => {
      found = this.child.workers().filter((pid) => WORKER.test(commandLineOf(pid)));
      return found.length >= count;
    }, `${count} workers`);
    return found;
  }

  /** What tasks, or the driver itself, have started. */
  children(): number[] {
    return this.child
      .processes()
      .filter((pid) => pid !== this.#pid && pid !== this.child.pid && !OURS.test(commandLineOf(pid)));
  }

  /** Ends one of the workers, by default without notice. */
  async killWorker(signal: NodeJS.Signals = "SIGKILL"): Promise<void> {
    const [pid] = await this.workers();
    process.kill(pid!, signal);
  }

  get ended(): Promise<ChildEnd> {
    return this.child.ended;
  }

  async driverPid(): Promise<number> {
    if (this.#pid === undefined) {
      const file = `/proc/${this.child.pid}/task/${this.child.pid}/children`;
      await until(() => this.child.hasEnded || readFileSync(file, "utf8") !== "");
      this.#pid = Number.parseInt(readFileSync(file, "utf8"), 10);
    }
    return this.#pid;
  }

  /** Everything of it that is still there. */
  async left(): Promise<string[]> {
    return [
      ...this.child.processes().map((pid) => `process ${pid}: ${commandLineOf(pid)}`),
      ...(this.#pid === undefined ? [] : blobDirectoriesOf(this.#pid)),
      ...this.project.leftFiles().map((name) => `temporary file ${name}`),
      ...(this.place === "docker" ? await containersWith(LABEL, this.#mark) : []),
    ];
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.child[Symbol.asyncDispose]();
    if (this.#isInContainer || this.place === "docker") await removeContainersWith(LABEL, this.#mark);
  }
}

function containerName(mark: string): string {
  return `muster-e2e-${mark}`;
}

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, "utf8").replaceAll("\0", " ").slice(0, 200);
  } catch {
    return "it ended meanwhile";
  }
}

/** The program that is started, and its arguments. */
function commandOf(
  { start = {} }: Situation,
  project: SituationProject,
  env: Readonly<Record<string, string>>,
): string[] {
  const { by = "program", args = [], nodeOptions = [], openFiles } = start;
  const what =
    by === "program"
      ? [project.path("main.ts"), ...args]
      : [MUSTER, "run", project.path("flow.ts"), "--events", project.events, ...args];
  const node = [start.container === true ? "node" : process.execPath, ...nodeOptions, ...what];
  if (start.container === true) return inContainer(node, { start, project, env });
  const limited =
    openFiles === undefined ? node : ["sh", "-c", `ulimit -n ${openFiles}; exec "$@"`, "sh", ...node];
  if (start.terminal !== true) return limited;
  const quoted = limited.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(" ");
  return ["script", "--quiet", "--return", "--flush", "--command", `exec ${quoted}`, "/dev/null"];
}

function inContainer(
  command: readonly string[],
  facts: {
    start: NonNullable<Situation["start"]>;
    project: SituationProject;
    env: Readonly<Record<string, string>>;
  },
): string[] {
  const { start, project, env } = facts;
  const mark = env["MUSTER_E2E_MARK"]!;
  const socket = (process.env["DOCKER_HOST"] ?? "unix:///var/run/docker.sock").replace(/^unix:\/\//, "");
  return [
    ...["docker", "run", "--rm", "--name", containerName(mark), "--label", `${LABEL}=${mark}`],
    ...Object.entries(env).flatMap(([name, value]) => ["--env", `${name}=${value}`]),
    ...[
      "--volume",
      `${REPOSITORY}:${REPOSITORY}:ro`,
      "--volume",
      `${project.directory}:${project.directory}`,
    ],
    ...["--volume", `${socket}:/var/run/docker.sock`, "--workdir", project.directory],
    ...(start.uid === undefined ? [] : ["--user", String(start.uid)]),
    ...(start.openFiles === undefined ? [] : ["--ulimit", `nofile=${start.openFiles}`]),
    IMAGE,
    ...command,
  ];
}
