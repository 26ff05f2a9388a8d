/** Addresses as they may be shown: without the credentials that may be in them, whatever else is wrong with them. */
export function withoutCredentials(addresses: string): string {
  // Up to the last @ before the next scheme: what is not escaped may hold commas, and more than one @.
  return addresses
    .split(/(?=[a-z][a-z0-9+.-]*:\/\/)/i)
    .map((part) => part.replace(/^(\s*(?:[a-z][a-z0-9+.-]*:\/\/)?).*@/is, "$1"))
    .join("");
}
