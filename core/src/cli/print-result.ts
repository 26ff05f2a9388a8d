import { inspect } from "node:util";
import { jsonValue } from "./json-report.ts";

/**
 * What `muster run` writes to a stdout that is no terminal: text and bytes as they are, all else as JSON. A value that has
 * none (a cycle, a function) is shown whole as Node shows it.
 */
export function formatResult(result: unknown): string | Uint8Array {
  if (result === undefined) return "";
  if (result instanceof Uint8Array) return result;
  if (typeof result === "string") return result.endsWith("\n") ? result : `${result}\n`;
  return `${asJson(result) ?? inspect(result, { depth: null, maxArrayLength: null, maxStringLength: null, breakLength: Infinity })}\n`;
}

function asJson(value: unknown): string | undefined {
  try {
    return JSON.stringify(value, jsonValue);
  } catch {
    return undefined;
  }
}
