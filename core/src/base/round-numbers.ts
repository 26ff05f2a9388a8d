/* Numbers that count by 32 bits and then begin anew. Two that are compared are never far apart. */

/** How many steps there are from one to another; negative when the other comes first. */
export function stepsTo(number: number, other: number): number {
  return (other - number) | 0;
}

export function isBefore(number: number, other: number): boolean {
  return stepsTo(number, other) > 0;
}
