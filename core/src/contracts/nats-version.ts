/** The oldest server of NATS that has all that is needed: streams with metadata, consumers with several filters. */
const OLDEST = [2, 10] as const;

/** Why a server of this version cannot be used; undefined when it can. */
export function whyTooOld(version: string): string | undefined {
  const [major = 0, minor = 0] = version.split(".").map((part) => Number.parseInt(part, 10));
  const isOld = major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]);
  return isOld ? `it is version ${version}, and ${OLDEST.join(".")} is the oldest that can be` : undefined;
}
