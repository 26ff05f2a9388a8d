import picocolors from "picocolors";

export type Colors = ReturnType<typeof picocolors.createColors>;

/** Colours where the stream is a terminal, unless `NO_COLOR` or `FORCE_COLOR` says otherwise. */
export function colorsFor(stream: { readonly isTTY?: boolean }): Colors {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return picocolors.createColors(false);
  if (FORCE_COLOR) return picocolors.createColors(FORCE_COLOR !== "0");
  return picocolors.createColors(stream.isTTY === true && TERM !== "dumb");
}
