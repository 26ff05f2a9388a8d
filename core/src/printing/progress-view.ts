import type { Progress, TaskProgress } from "../events/progress.ts";
import type { Colors } from "./colors.ts";
import { formatCount, formatDuration, formatPlural } from "./format.ts";
import { cutText, printable, textWidth } from "./text-width.ts";

export interface RenderOptions {
  /** Width of the terminal, in cells. No line is wider. */
  readonly columns: number;
  /** The most lines to give. */
  readonly rows: number;
  /** Milliseconds since 1970. */
  readonly now: number;
  readonly colors: Colors;
}

/** A piece of a line, coloured after its width is known. */
interface Piece {
  readonly text: string;
  readonly paint?: (text: string) => string;
}

const MAX_NAME_SHARE = 0.4;
const MAX_BAR_COLUMNS = 30;
const MIN_BAR_COLUMNS = 6;
/** What the counts beside a bar usually take. */
const COUNTS_COLUMNS = 44;

/** The lines of the live view: one a task name, and one for the workers. */
export function renderProgress(progress: Progress, options: RenderOptions): string[] {
  const tasks = [...progress.tasks];
  const shown = chooseTasks(tasks, Math.max(1, options.rows - 2));
  const nameColumns = Math.min(
    Math.max(7, ...shown.map((task) => textWidth(printable(task.name)))),
    Math.floor(options.columns * MAX_NAME_SHARE),
  );
  const lines = shown.map((task) => taskLine(task, nameColumns, options));
  if (shown.length < tasks.length) lines.push(hiddenLine(tasks, shown, options));
  lines.push(workersLine(progress, nameColumns, options));
  return lines;
}

/** Counts for a person, without those that are zero: `231/400  4 running  1 failed`. */
export function countsText(task: TaskProgress): string {
  return [totalText(task), ...extraCounts(task, undefined).map((piece) => piece.text)].join("  ");
}

export function finishedOf(task: TaskProgress): number {
  return task.done + task.failed + task.crashed + task.cancelled + task.skipped;
}

function totalText(task: TaskProgress): string {
  return `${formatCount(finishedOf(task))}/${formatCount(task.submitted)}`;
}

function extraCounts(task: TaskProgress, colors: Colors | undefined): Piece[] {
  const counts: [number, string, ((text: string) => string) | undefined][] = [
    [task.running, "running", colors?.cyan],
    [task.failed, "failed", colors?.red],
    [task.crashed, "crashed", colors?.red],
    [task.cancelled, "cancelled", colors?.yellow],
    [task.skipped, "skipped", colors?.yellow],
    [task.retried, "retried", colors?.yellow],
  ];
  return counts
    .filter(([count]) => count > 0)
    .map(([count, word, paint]) => ({ text: `${formatCount(count)} ${word}`, ...(paint && { paint }) }));
}

/** All names when they fit; otherwise those that still have work first, in their usual order. */
function chooseTasks(tasks: TaskProgress[], rows: number): TaskProgress[] {
  if (tasks.length <= rows) return tasks;
  const urgency = (task: TaskProgress): number => {
    if (task.running > 0) return 0;
    return finishedOf(task) < task.submitted ? 1 : 2;
  };
  const chosen = new Set([...tasks].sort((a, b) => urgency(a) - urgency(b)).slice(0, rows));
  return tasks.filter((task) => chosen.has(task));
}

function taskLine(task: TaskProgress, nameColumns: number, options: RenderOptions): string {
  const { colors, columns } = options;
  const name = cutText(printable(task.name), nameColumns);
  const barColumns = Math.min(MAX_BAR_COLUMNS, columns - nameColumns - COUNTS_COLUMNS);
  return joinPieces(
    [
      { text: padEnd(name, nameColumns), paint: colors.bold },
      { text: "  " },
      ...(barColumns >= MIN_BAR_COLUMNS ? [...bar(task, barColumns, colors), { text: "  " }] : []),
      { text: totalText(task) },
      ...extraCounts(task, colors).flatMap((piece) => [{ text: "  " }, piece]),
    ],
    columns,
  );
}

function bar(task: TaskProgress, columns: number, colors: Colors): Piece[] {
  const share = (count: number): number =>
    task.submitted === 0 ? 0 : Math.floor((count / task.submitted) * columns);
  const finished = share(finishedOf(task));
  const done = Math.min(finished, share(task.done));
  const running = Math.min(columns - finished, share(finishedOf(task) + task.running) - finished);
  return [
    { text: "█".repeat(done), paint: colors.green },
    { text: "█".repeat(finished - done), paint: colors.red },
    { text: "▒".repeat(running), paint: colors.cyan },
    { text: "░".repeat(columns - finished - running), paint: colors.dim },
  ];
}

function hiddenLine(tasks: TaskProgress[], shown: TaskProgress[], options: RenderOptions): string {
  const hidden = tasks.filter((task) => !shown.includes(task));
  const complete = hidden.filter((task) => finishedOf(task) === task.submitted).length;
  const text = `… and ${formatPlural(hidden.length, "more task name")}, ${formatCount(complete)} complete`;
  return joinPieces([{ text, paint: options.colors.dim }], options.columns);
}

function workersLine(progress: Progress, nameColumns: number, options: RenderOptions): string {
  const { colors, columns, now } = options;
  const time = formatDuration(progress.elapsedMs(now));
  const rate = progress.finishedTasks > 0 ? `${formatCount(progress.tasksPerSecond)} tasks/s` : "";
  return joinPieces(
    [
      { text: padEnd("workers", nameColumns), paint: colors.bold },
      { text: "  " },
      { text: workersText(progress) },
      {
        text: ["", rate, time].filter((text, index) => index === 0 || text !== "").join("  "),
        paint: colors.dim,
      },
    ],
    columns,
  );
}

/** `4 ready  2 booting  1 lost`, or what the cluster does while it has no workers. */
export function workersText(progress: Progress): string {
  const { workers, cluster } = progress;
  const counts: [number, string][] = [
    [workers.ready, "ready"],
    [workers.launching + workers.booting, "booting"],
    [workers.draining, "draining"],
    [workers.lost, "lost"],
  ];
  const parts = counts.filter(([count]) => count > 0).map(([count, word]) => `${formatCount(count)} ${word}`);
  if (parts.length > 0) return parts.join("  ");
  return cluster === undefined ? "no cluster" : `cluster ${cluster.state}`;
}

function joinPieces(pieces: Piece[], columns: number): string {
  let line = "";
  let left = columns;
  for (const piece of pieces) {
    const text = cutText(piece.text, left);
    if (text === "") continue;
    left -= textWidth(text);
    line += piece.paint ? piece.paint(text) : text;
  }
  return line;
}

function padEnd(text: string, columns: number): string {
  return text + " ".repeat(Math.max(0, columns - textWidth(text)));
}
