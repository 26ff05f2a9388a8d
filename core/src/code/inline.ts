import { createHash } from "node:crypto";
import { createRequire } from "node:module";
import { constants, Script } from "node:vm";
import type { AnyNode } from "acorn";
import { MusterError } from "../base/errors.ts";
import type { InlineUnit } from "../contracts/code-unit.ts";
import { findOutside } from "./free-variables.ts";

/** What compilers call from a function's text, with the same meaning wherever it is evaluated. */
const HELPERS: Readonly<Record<string, string>> = {
  // esbuild and tsx, to keep names.
  __name: '(fn, value) => Object.defineProperty(fn, "name", { value, configurable: true })',
  // vite, for `import()`.
  __vi_import__: "(specifier) => import(specifier)",
  __vite_ssr_dynamic_import__: "(specifier) => import(specifier)",
};

/** Globals that a script could add by assignment are enumerable; Node's own mostly are not. These are. */
const ENUMERABLE_GLOBALS = new Set(
  (
    "global clearImmediate setImmediate clearInterval clearTimeout setInterval setTimeout " +
    "queueMicrotask structuredClone atob btoa performance fetch navigator crypto"
  ).split(" "),
);

/**
 * Takes a function as its source, to be evaluated elsewhere.
 *
 * @param what the function in messages: `"The function given to executor.submit"`
 * @throws MusterError `CODE` if it does not stand alone, naming what it takes from around it
 */
export function inlineFunction(fn: (...args: never[]) => unknown, what: string): InlineUnit {
  const { source, root } = parseFunction(Function.prototype.toString.call(fn), what);
  const { variables, keywords, imports } = findOutside(root);
  if (keywords.length > 0) throw refused(what, `uses ${keywords.join(" and ")}, which has no meaning there`);
  const relative = imports.find((specifier) => /^[./]/.test(specifier));
  if (relative !== undefined) throw refused(what, `imports "${relative}", a file that is not sent with it`);
  const helpers = variables.filter((name) => Object.hasOwn(HELPERS, name));
  const outer = variables.filter((name) => !helpers.includes(name) && !isGlobal(name));
  if (outer.length > 0) throw usesOuter(what, outer);

  const expression = withHelpers(source, helpers);
  return { kind: "inline", id: createHash("sha256").update(expression).digest("hex"), source: expression };
}

/** Evaluates a function that was sent as source. `import()` in it resolves from the working directory. */
export function compileInline(source: string): (...args: never[]) => unknown {
  const imports = /\bimport\b/.test(source);
  if (imports) warnOfNoLoader();
  const script = new Script(`"use strict"; (${source}\n)`, {
    filename: "muster-inline.js",
    ...(imports && { importModuleDynamically: constants.USE_MAIN_CONTEXT_DEFAULT_LOADER }),
  });
  return script.runInThisContext() as (...args: never[]) => unknown;
}

let warnsOfNoLoader = false;

/** Node warns, once a thread, that the option is experimental; whoever wrote the function can do nothing about it. */
function warnOfNoLoader(): void {
  if (warnsOfNoLoader) return;
  warnsOfNoLoader = true;
  const emitWarning = process.emitWarning as (...args: unknown[]) => void;
  process.emitWarning = (warning: unknown, ...rest: unknown[]): void => {
    if (!String(warning).includes("USE_MAIN_CONTEXT_DEFAULT_LOADER")) emitWarning(warning, ...rest);
  };
}

interface ParsedFunction {
  /** An expression. */
  readonly source: string;
  readonly root: AnyNode;
}

function parseFunction(text: string, what: string): ParsedFunction {
  if (/\{\s*\[native code\]\s*\}$/.test(text)) {
    throw refused(what, "is native or bound, so that there is no source to send");
  }
  const parsed = parse(text) ?? parseMethod(text);
  if (!parsed) throw refused(what, "has a source that cannot be read as strict JavaScript");
  const { root } = parsed;
  if (root.type === "ClassExpression") throw refused(what, "is a class");
  if (root.type !== "ArrowFunctionExpression" && root.type !== "FunctionExpression") {
    throw refused(what, "has a source that is no function");
  }
  if (root.generator) throw refused(what, "is a generator, whose steps cannot be called from elsewhere");
  return parsed;
}

/** `foo(a) { … }`, as methods have it, as a function expression. */
function parseMethod(text: string): ParsedFunction | undefined {
  const object = parse(`{${text}}`)?.root;
  const method = object?.type === "ObjectExpression" ? object.properties[0] : undefined;
  if (method?.type !== "Property" || method.value.type !== "FunctionExpression") return undefined;
  const { value } = method;
  // Positions count from `({`.
  const rest = text.slice(value.start - 2, value.end - 2);
  return parse(`${value.async ? "async " : ""}function${value.generator ? "*" : ""} ${rest}`);
}

function parse(text: string): ParsedFunction | undefined {
  // Loaded late: who sends no function as source pays nothing for it, and workers do not have it.
  const { parseExpressionAt } = createRequire(import.meta.url)("acorn") as typeof import("acorn");
  try {
    const root = parseExpressionAt(`(${text}\n)`, 0, {
      ecmaVersion: "latest",
      sourceType: "module",
      // What is not its own is found below, and told in our words.
      allowSuperOutsideMethod: true,
    });
    return { source: text, root };
  } catch {
    return undefined;
  }
}

function isGlobal(name: string): boolean {
  const property = Object.getOwnPropertyDescriptor(globalThis, name);
  return (
    name === "undefined" || (property !== undefined && (!property.enumerable || ENUMERABLE_GLOBALS.has(name)))
  );
}

function withHelpers(source: string, helpers: readonly string[]): string {
  if (helpers.length === 0) return source;
  const definitions = helpers.map((name) => `const ${name} = ${HELPERS[name]};`);
  return `(() => { ${definitions.join(" ")} return (${source}\n); })()`;
}

function usesOuter(what: string, names: readonly string[]): MusterError {
  const [variables, are] = names.length === 1 ? ["variable", "is"] : ["variables", "are"];
  const list = names.map((name) => `"${name}"`).join(", ");
  return new MusterError(
    "CODE",
    `${what} uses the outer ${variables} ${list}, which ${are} not sent with it. ` +
      `Pass ${names.length === 1 ? "it as an argument" : "them as arguments"}, ` +
      "or define a task at the top level of a module.",
  );
}

function refused(what: string, why: string): MusterError {
  return new MusterError(
    "CODE",
    `${what} cannot be sent to a worker as source: it ${why}. Define a task at the top level of a module instead.`,
  );
}
