/* A request for a lane names what the lane must have. That is part of subjects and of consumers' names, in which few
   characters may stand. */

import type { Resources } from "../../../base/resources.ts";

/** Of a lane that needs to have nothing. */
export const ANY_CLASS = "any";

/** The name of a class of lanes: the same for the same resources, in whatever order they are named. */
export function classToken(resources: Resources): string {
  const parts = Object.entries(resources)
    .filter(([, amount]) => amount > 0)
    .sort(([one], [other]) => (one < other ? -1 : 1))
    .map(([name, amount]) => `${escaped(name)}=${escaped(String(amount))}`);
  return parts.length === 0 ? ANY_CLASS : parts.join(",");
}

/** The inverse; undefined for what is no such name. */
export function classResources(token: string): Resources | undefined {
  if (token === ANY_CLASS) return {};
  const resources: Record<string, number> = {};
  for (const part of token.split(",")) {
    const [name, amount, ...rest] = part.split("=").map(unescaped);
    if (!name || !amount || rest.length > 0 || !(Number(amount) > 0)) return undefined;
    resources[name] = Number(amount);
  }
  return resources;
}

/** For people: `GPU: 1`. */
export function describeClass(token: string): string {
  const entries = Object.entries(classResources(token) ?? { [token]: 1 });
  return entries.length === 0 ? "any" : entries.map(([name, amount]) => `${name}: ${amount}`).join(", ");
}

function escaped(text: string): string {
  return Array.from(text, (char) =>
    /[A-Za-z0-9-]/.test(char) ? char : `_${char.codePointAt(0)!.toString(16)}_`,
  ).join("");
}

function unescaped(text: string): string {
  return text.replaceAll(/_([0-9a-f]+)_/g, (_, hex: string) =>
    String.fromCodePoint(Number.parseInt(hex, 16)),
  );
}
