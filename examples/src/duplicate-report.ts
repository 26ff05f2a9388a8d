import { relative } from "node:path";

export interface DuplicateGroup {
  /** Size of each of the files. */
  bytes: number;
  /** Absolute paths of the files, which all have the same content. */
  paths: string[];
}

const LARGEST = 10;
const PATH_COLUMNS = 60;

/** Bytes that would be free if only one of the files were kept. */
export function wastedBytes(group: DuplicateGroup): number {
  return group.bytes * (group.paths.length - 1);
}

/** The space that duplicates waste, and the largest groups of them, a line each. */
export function formatReport(groups: DuplicateGroup[], directory: string): string {
  const wasted = groups.reduce((sum, group) => sum + wastedBytes(group), 0);
  const copies = groups.reduce((sum, group) => sum + group.paths.length - 1, 0);
  return [
    `${copies.toLocaleString("en-US")} files in ${directory} are copies of others. They waste ${formatBytes(wasted)}:`,
    ...groups.slice(0, LARGEST).map((group) => groupLine(group, directory)),
    ...(groups.length > LARGEST ? [`… and ${groups.length - LARGEST} smaller groups`] : []),
  ].join("\n");
}

function groupLine(group: DuplicateGroup, directory: string): string {
  const wasted = formatBytes(wastedBytes(group)).padStart(10);
  const copies = `${group.paths.length} × ${formatBytes(group.bytes)}`.padStart(15);
  const path = relative(directory, group.paths[0]!);
  return `${wasted} ${copies}  ${path.length > PATH_COLUMNS ? `…${path.slice(1 - PATH_COLUMNS)}` : path}`;
}

function formatBytes(bytes: number): string {
  if (bytes < 1000) return `${bytes} B`;
  if (bytes < 1e6) return `${(bytes / 1e3).toFixed(1)} kB`;
  return `${(bytes / 1e6).toFixed(1)} MB`;
}
