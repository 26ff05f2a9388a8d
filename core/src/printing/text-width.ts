import { stripVTControlCharacters } from "node:util";

/** Scripts and pictures that terminals draw two cells wide. */
const WIDE =
  /^[\u1100-\u115f\u2e80-\ua4cf\uac00-\ud7a3\uf900-\ufaff\ufe30-\ufe6f\uff00-\uff60\uffe0-\uffe6]|^\p{Emoji_Presentation}/u;
const COMBINING = /^\p{Mark}$/u;
const CONTROL = /\p{Control}+/gu;

/** One printable line: without colour codes, and with line breaks and other control characters as spaces. */
export function printable(text: string): string {
  return stripVTControlCharacters(text).replaceAll(CONTROL, " ");
}

/** How many cells of a terminal the printable text takes. */
export function textWidth(text: string): number {
  let width = 0;
  for (const character of text) width += characterWidth(character);
  return width;
}

/** The printable text, ended with `…` where it is wider than `columns`. */
export function cutText(text: string, columns: number): string {
  if (textWidth(text) <= columns) return text;
  let kept = "";
  let width = 0;
  for (const character of text) {
    width += characterWidth(character);
    if (width > columns - 1) break;
    kept += character;
  }
  return columns > 0 ? `${kept}…` : "";
}

function characterWidth(character: string): number {
  if (character >= " " && character <= "~") return 1;
  if (COMBINING.test(character)) return 0;
  return WIDE.test(character) ? 2 : 1;
}
