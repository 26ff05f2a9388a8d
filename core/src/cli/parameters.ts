import { readFileSync } from "node:fs";
import { UsageError } from "./usage-error.ts";

/**
 * Reads one `-p key=json` (or `-p key=@file.json`) and adds it to those before it.
 *
 * @throws UsageError when it has no key, is given twice, or its value is not JSON
 */
export function addParameter(
  text: string,
  before: ReadonlyMap<string, unknown> = new Map(),
): Map<string, unknown> {
  const split = text.indexOf("=");
  if (split < 1) {
    throw new UsageError(`-p ${text}: expected key=json, for example -p 'count=3' or -p 'name="Ada"'.`);
  }
  const key = text.slice(0, split);
  if (before.has(key))
    throw new UsageError(`-p ${key}: the parameter "${key}" is given twice; leave one out.`);
  return new Map(before).set(key, parseValue(key, text.slice(split + 1)));
}

function parseValue(key: string, text: string): unknown {
  if (text.startsWith("@")) return parseFile(key, text.slice(1));
  try {
    return JSON.parse(text);
  } catch (error) {
    const problem = `-p ${key}: ${JSON.stringify(text)} is not JSON`;
    if (looksLikePlainText(text)) {
      throw new UsageError(`${problem}. Text needs quotes: -p '${key}=${JSON.stringify(text)}'`);
    }
    throw new UsageError(
      `${problem}: ${(error as Error).message}. Does the shell take the quotes away? Put '…' around it.`,
    );
  }
}

function parseFile(key: string, file: string): unknown {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch (error) {
    throw new UsageError(`-p ${key}: the file ${file} cannot be read: ${(error as Error).message}.`);
  }
  try {
    return JSON.parse(text);
  } catch (error) {
    throw new UsageError(`-p ${key}: the file ${file} is not JSON: ${(error as Error).message}.`);
  }
}

/** A bare word or path, not an object or array that went wrong. */
function looksLikePlainText(text: string): boolean {
  return !/^\s*[[{"]/.test(text);
}
