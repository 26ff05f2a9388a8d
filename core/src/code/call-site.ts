import { fileURLToPath } from "node:url";
import type { CallSite } from "../contracts/code-unit.ts";

/** Enough to get from a helper that defines tasks to the module that called it. */
const MAX_FRAMES = 50;

/**
 * Where in the user's source the call of `skip` is, as source maps tell it.
 *
 * @param skip the function that the user called: it and what it called are left out
 */
export function callSite(skip: (...args: never[]) => unknown): CallSite | undefined {
  const frames = captureFrames(skip);
  const place = parsePlace(captureStack(skip)) ?? rawPlace(frames[0]);
  const module = evaluatedModule(frames);
  return place && { ...place, nested: !module, ...(module?.file && { module: module.file }) };
}

/** `/project/flows/a.ts:12`, for messages. */
export function showSite(site: Pick<CallSite, "file" | "line">): string {
  return `${site.file}:${site.line}`;
}

/** The frames as V8 has them: they know functions, but not source maps. */
function captureFrames(skip: (...args: never[]) => unknown): NodeJS.CallSite[] {
  const { prepareStackTrace } = Error;
  Error.prepareStackTrace = (_error, frames) => frames;
  try {
    return captureStack(skip) as NodeJS.CallSite[];
  } finally {
    Error.prepareStackTrace = prepareStackTrace;
  }
}

/** The stack as whoever maps sources in this process (node, vitest, …) tells it: as text. */
function captureStack(skip: (...args: never[]) => unknown): unknown {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = MAX_FRAMES;
  try {
    const holder: { stack?: unknown } = {};
    Error.captureStackTrace(holder, skip);
    return holder.stack;
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The first place in a stack: of `at f (file:///a.ts:1:2)`, or of `at /a.ts:1:2`. */
function parsePlace(stack: unknown): CallSite | undefined {
  if (typeof stack !== "string") return undefined;
  for (const [, frame] of stack.matchAll(/^\s+at (?:async )?(.*)$/gm)) {
    const inParentheses = /^.*? \((.*)\)$/.exec(frame!)?.[1];
    const place = /^(.*):(\d+):(\d+)$/.exec(inParentheses ?? frame!);
    const site = place && toSite(place[1]!, Number(place[2]), Number(place[3]));
    if (site) return site;
  }
  return undefined;
}

function rawPlace(frame: NodeJS.CallSite | undefined): CallSite | undefined {
  const file = frame?.getFileName();
  return file ? toSite(file, frame!.getLineNumber() ?? 1, frame!.getColumnNumber() ?? 1) : undefined;
}

function toSite(file: string, line: number, column: number): CallSite | undefined {
  const path = file.replace(/\?.*$/, "");
  if (/^(?:$|<|node:|evalmachine\.)/.test(path)) return undefined;
  return { file: path.startsWith("file:") ? fileURLToPath(path) : path, line, column };
}

/**
 * The module whose evaluation is what led here, with nothing in between that could have come later.
 * Of a module inside a bundle the file is not known.
 */
function evaluatedModule(frames: readonly NodeJS.CallSite[]): { file: string | undefined } | undefined {
  for (const [depth, frame] of frames.entries()) {
    // An async frame below the call waits for it: `await flow.run()` at the top level is such a one.
    if (depth > 0 && frame.isAsync()) return undefined;
    // A flow's body and a task run inside a context.
    if (/^node:(?:internal\/async_local_storage|async_hooks)/.test(frame.getFileName() ?? ""))
      return undefined;
    if (isBundledModule(frame)) return { file: undefined };
    if (isModule(frame)) return { file: rawPlace(frame)?.file };
  }
  return undefined;
}

/** esbuild makes each module of a bundle a function that is called as its file is. */
function isBundledModule(frame: NodeJS.CallSite): boolean {
  return /\.[cm]?[jt]sx?$/.test(frame.getFunctionName() ?? "");
}

/** Whether a frame is the top level of a module: no function's, and it begins where its file begins. */
function isModule(frame: NodeJS.CallSite): boolean {
  if (frame.getFunctionName() !== null || frame.getFileName()?.startsWith("node:")) return false;
  // vite's wrapper begins before its file does, where V8 knows no column.
  return frame.getEnclosingLineNumber() === 1 && (frame.getEnclosingColumnNumber() ?? 1) <= 1;
}
