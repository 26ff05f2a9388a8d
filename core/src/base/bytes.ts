import { InvalidOptionError } from "./errors.ts";

const UNITS: Readonly<Record<string, number>> = {
  b: 1,
  kb: 1e3,
  mb: 1e6,
  gb: 1e9,
  kib: 2 ** 10,
  mib: 2 ** 20,
  gib: 2 ** 30,
};

/**
 * Bytes, from a number of them or from text with a unit: `"512MiB"`, `"1.5 GB"`.
 * @throws InvalidOptionError
 */
export function parseBytes(value: unknown, option: string): number {
  if (typeof value === "number") return value;
  const match = typeof value === "string" ? /^([\d.]+)\s*([a-z]+)$/i.exec(value.trim()) : null;
  const bytes = Number(match?.[1]) * (UNITS[match?.[2]?.toLowerCase() ?? ""] ?? Number.NaN);
  if (Number.isFinite(bytes)) return Math.round(bytes);
  throw new InvalidOptionError(
    option,
    `${option} must be a number of bytes or a text such as "512MiB" (B, KB, MB, GB, KiB, MiB, GiB), but it is ${JSON.stringify(value)}.`,
  );
}
