import { StringDecoder } from "node:string_decoder";

/** Whose print a line is. */
export interface PrintOwner {
  /** The task's name. */
  readonly task: string;
  readonly taskRun: number;
  readonly attempt: number;
}

/** Ends a mark, and begins it. Terminals show nothing of it. */
const EDGE = "\u001e";
const MARK = new RegExp(`^${EDGE}(.*)#(\\d+)\\.(\\d+)${EDGE}`);

/**
 * Marks the lines of a stream that several tasks print to, each with the task whose print it is. Nothing is held back: a
 * line that another task breaks into ends there.
 */
export class PrintMarker {
  readonly #decoder = new StringDecoder("utf8");
  #owner: PrintOwner | undefined;
  #isAtLineStart = true;

  mark(bytes: Buffer, owner: PrintOwner | undefined): string {
    const text = this.#decoder.write(bytes);
    if (text === "") return text;
    const isBrokenInto = !this.#isAtLineStart && this.#owner !== owner;
    const startsLine = this.#isAtLineStart || isBrokenInto;
    this.#owner = owner;
    this.#isAtLineStart = text.endsWith("\n");
    const mark = markOf(owner);
    const marked = mark === "" ? text : text.replaceAll(/\n(?!$)/g, `\n${mark}`);
    return `${isBrokenInto ? "\n" : ""}${startsLine ? mark : ""}${marked}`;
  }
}

/** A line without its mark, and whose print it is. */
export function readMark(line: string): { readonly text: string; readonly owner: PrintOwner | undefined } {
  const [mark, task, taskRun, attempt] = line.startsWith(EDGE) ? (MARK.exec(line) ?? []) : [];
  if (mark === undefined || task === undefined) return { text: line, owner: undefined };
  return {
    text: line.slice(mark.length),
    owner: { task, taskRun: Number(taskRun), attempt: Number(attempt) },
  };
}

function markOf(owner: PrintOwner | undefined): string {
  if (owner === undefined) return "";
  const name = owner.task.replaceAll(EDGE, " ").replaceAll(/[\r\n]/g, " ");
  return `${EDGE}${name}#${owner.taskRun}.${owner.attempt}${EDGE}`;
}
