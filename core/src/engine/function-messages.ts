import type { TaskFunction } from "../contracts/engine.ts";
import type { CodeMessage, DefineMessage } from "../wire/protocol.ts";

/** What a worker must hear of a function before its first task: its code, unless it has that already. */
export class FunctionMessages {
  readonly #sentCode = new Set<string>();

  /** @returns the code to send first, if any, and the definition */
  for(fn: TaskFunction): { readonly code: CodeMessage | undefined; readonly define: DefineMessage } {
    const code = fn.code!;
    const isNew = !this.#sentCode.has(code.id);
    this.#sentCode.add(code.id);
    const { index, name, site, timeoutMs, onlyOnce } = fn;
    return {
      code: isNew ? codeMessage(fn) : undefined,
      define: { index, name, code: code.id, site, timeoutMs, onlyOnce },
    };
  }
}

function codeMessage(fn: TaskFunction): CodeMessage {
  const code = fn.code!;
  if (code.kind === "inline") return { kind: "inline", id: code.id, source: code.source };
  return { kind: "bundle", id: code.id, code: code.code, resolveFrom: code.resolveFrom };
}
