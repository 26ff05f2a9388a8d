import { relative } from "node:path";

export interface DuplicateGroup {
  /** Size of each of the files. */
  bytes: number;
  /** Absolute paths of the files, which all have the same content. */
  paths: string[];
}

const LARGEST = 10;
const PATHS_SHOWN = 2;

/** Bytes that would be free if only one of the files were kept. */
export function wastedBytes(group: DuplicateGroup): number {
  return group.bytes * (group.paths.length - 1);
}

/** The space that duplicates waste, and the largest groups of them. */
export function formatReport(groups: DuplicateGroup[], directory: string): string {
  const wasted = groups.reduce((sum, group) => sum + wastedBytes(group), 0);
  const copies = groups.reduce((sum, group) => sum + group.paths.length - 1, 0);
  const largest = groups.slice(0, LARGEST).flatMap((group) => groupLines(group, directory));
  return [
    `${copies.toLocaleString("en-US")} files in ${directory} are copies of others. They waste ${formatBytes(wasted)}.`,
    ...largest,
  ].join("\n");
}

function groupLines(group: DuplicateGroup, directory: string): string[] {
  const shown = group.paths.slice(0, PATHS_SHOWN).map((path) => relative(directory, path));
  const others = group.paths.length - shown.length;
  return [
    `${formatBytes(wastedBytes(group)).padStart(10)}  ${group.paths.length} × ${formatBytes(group.bytes)}`,
    ...shown.map((path) => `            ${path}`),
    ...(others > 0 ? [`            … and ${others} more`] : []),
  ];
}

function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
