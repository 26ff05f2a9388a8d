import { isAbsolute, relative, sep } from "node:path";
import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { currentDirectory } from "../base/places.ts";
import { RemoteTaskError } from "../wire/errors.ts";

export interface DescribeErrorOptions {
  /** Directory of Muster's own code. @default this package's */
  readonly ownDirectory?: string;
  /** Paths below it are shown relative to it. @default the working directory */
  readonly baseDirectory?: string;
}

const OWN_DIRECTORY = fileURLToPath(new URL("../..", import.meta.url));
const PACKAGES = `${sep}node_modules${sep}`;
/** `at caller (place:1:2)`, `at place:1:2`, `at async place:1:2`. */
const FRAME = /^\s*at (?:(?<caller>.+) \()?(?:async )?(?<place>.+?):(?<position>\d+:\d+)\)?$/;
const MAX_CAUSES = 8;
const MAX_FRAMES = 8;
const MAX_ERRORS = 10;

/**
 * An error for the person whose code threw it, as lines: its message, the frames of their own code, and the
 * same of every cause.
 */
export function describeError(error: unknown, options: DescribeErrorOptions = {}): string[] {
  const lines: string[] = [];
  const seen = new Set<unknown>();
  let current = error;
  while (current !== undefined && !seen.has(current) && seen.size < MAX_CAUSES) {
    const isCause = seen.size > 0;
    seen.add(current);
    const [headline = "", ...rest] = describeOne(current, options);
    lines.push(isCause ? `caused by: ${headline}` : headline, ...rest);
    current = current instanceof Error ? current.cause : undefined;
  }
  return lines;
}

/**
 * Where in the user's own code the error came from: frames such as `at parse (src/a.ts:3:9)`, nearest first, without
 * those of Muster, of Node and of installed packages.
 */
export function userFrames(error: Error, options: DescribeErrorOptions = {}): string[] {
  const { ownDirectory = OWN_DIRECTORY, baseDirectory = currentDirectory() } = options;
  const frames: string[] = [];
  for (const line of (error.stack ?? "").split("\n")) {
    const { caller, place, position } = FRAME.exec(line)?.groups ?? {};
    if (place === undefined) continue;
    const file = place.startsWith("file:") ? fileURLToPath(place) : place;
    if (!isUserFile(file, ownDirectory)) continue;
    const shown = `${shorten(file, baseDirectory)}:${position}`;
    frames.push(caller === undefined ? `at ${shown}` : `at ${caller} (${shown})`);
  }
  return frames.slice(0, MAX_FRAMES);
}

function describeOne(error: unknown, options: DescribeErrorOptions): string[] {
  if (!(error instanceof Error))
    return [`${inspect(error, { depth: 2, breakLength: Infinity })} (thrown, but no Error)`];
  const name = error instanceof RemoteTaskError ? error.remoteName : error.name;
  const headline = error.message === "" ? name : `${name}: ${error.message}`;
  const lines = [...headline.split("\n"), ...userFrames(error, options).map((frame) => `    ${frame}`)];
  if (error instanceof AggregateError) {
    for (const inner of error.errors.slice(0, MAX_ERRORS)) {
      lines.push(...describeError(inner, options).map((line) => `  ${line}`));
    }
    if (error.errors.length > MAX_ERRORS) lines.push(`  … and ${error.errors.length - MAX_ERRORS} more`);
  }
  return lines;
}

function isUserFile(file: string, ownDirectory: string): boolean {
  return isAbsolute(file) && !file.startsWith(ownDirectory) && !file.includes(PACKAGES);
}

function shorten(path: string, baseDirectory: string): string {
  const short = relative(baseDirectory, path);
  return short.startsWith("..") || isAbsolute(short) ? path : short;
}
