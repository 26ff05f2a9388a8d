import { resolve } from "node:path";
import { pathToFileURL } from "node:url";

/** A source map as a comment at the end of its code, its sources absolute, without their contents. */
export function inlineSourceMap(json: string, directory: string): string {
  const map = JSON.parse(json) as { sources: string[] };
  map.sources = map.sources.map((source) => absolute(source, directory));
  const data = Buffer.from(JSON.stringify(map)).toString("base64");
  return `//# sourceMappingURL=data:application/json;base64,${data}\n`;
}

function absolute(source: string, directory: string): string {
  // What a plugin made has no file: "muster-injected:@muster/core".
  return /^[a-z][a-z-]+:/.test(source) ? source : pathToFileURL(resolve(directory, source)).href;
}
