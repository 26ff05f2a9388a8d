import { existsSync, statSync } from "node:fs";
import { resolve } from "node:path";
import { currentDirectory } from "../base/places.ts";
import { type Flow, isFlow } from "../flow/index.ts";
import { UsageError } from "./usage-error.ts";

/** What a user may run: a flow whatever its parameters and result are. */
// biome-ignore lint/suspicious/noExplicitAny: the command line knows neither type.
export type AnyFlow = Flow<any, any>;

export interface FlowAddress {
  /** Absolute path. */
  readonly file: string;
  /** As the user wrote it, for messages. */
  readonly shownFile: string;
  /** The export that was named after `#`. */
  readonly exportName: string | undefined;
}

/**
 * Reads `flows/a.ts` or `flows/a.ts#nightly`.
 *
 * @throws UsageError when there is no such file
 */
export function parseFlowAddress(text: string): FlowAddress {
  const split = text.lastIndexOf("#");
  const hasExport = split > 0 && !existsSync(text);
  const shownFile = hasExport ? text.slice(0, split) : text;
  const exportName = hasExport ? text.slice(split + 1) : undefined;
  if (!existsSync(shownFile)) {
    throw new UsageError(
      `There is no file ${shownFile} in ${currentDirectory()}. Name the file that exports the flow.`,
    );
  }
  if (!statSync(shownFile).isFile()) {
    throw new UsageError(`${shownFile} is no file. Name the file that exports the flow.`);
  }
  if (exportName === "")
    throw new UsageError(`${text} names no export after the #. Leave the # out, or add a name.`);
  return { file: resolve(shownFile), shownFile, exportName };
}

/**
 * The flow that the address means: the named export, or else the default export, or else the only flow.
 *
 * @throws UsageError when there is no such flow, or more than one it could be
 */
export function selectFlow(namespace: Readonly<Record<string, unknown>>, address: FlowAddress): AnyFlow {
  const { shownFile, exportName } = address;
  const flows = Object.entries(namespace).filter((entry): entry is [string, AnyFlow] => isFlow(entry[1]));
  const names = flows.map(([name]) => name).join(", ");

  if (exportName !== undefined) {
    const wanted = Object.hasOwn(namespace, exportName) ? namespace[exportName] : undefined;
    if (isFlow(wanted)) return wanted;
    const problem = Object.hasOwn(namespace, exportName)
      ? `The export ${exportName} of ${shownFile} is no flow.`
      : `${shownFile} has no export ${exportName}.`;
    throw new UsageError(
      names === "" ? `${problem} It exports no flow at all.` : `${problem} Its flows: ${names}.`,
    );
  }

  const flow = isFlow(namespace["default"]) ? namespace["default"] : flows[0]?.[1];
  if (flow === undefined) {
    const exported = Object.keys(namespace).join(", ");
    const found = exported === "" ? "It exports nothing." : `It exports: ${exported}.`;
    throw new UsageError(`${shownFile} exports no flow. ${found} Export one: export default flow(…).`);
  }
  if (flow !== namespace["default"] && new Set(flows.map(([, candidate]) => candidate)).size > 1) {
    throw new UsageError(
      `${shownFile} exports several flows: ${names}. Name one: ${shownFile}#${flows[0]![0]}`,
    );
  }
  return flow;
}
