import { expect, test } from "vitest";
import { cutText, printable, textWidth } from "./text-width.ts";

test("wide characters count two cells, combining ones none", () => {
  expect(textWidth("abc")).toBe(3);
  expect(textWidth("日本")).toBe(4);
  expect(textWidth("e\u0301")).toBe(1);
  expect(textWidth("🚀")).toBe(2);
});

test("text that is too wide is cut and says so", () => {
  expect(cutText("count-words", 11)).toBe("count-words");
  expect(cutText("count-words", 6)).toBe("count…");
  expect(cutText("日本語", 4)).toBe("日…");
  expect(cutText("abc", 0)).toBe("");
});

test("a name cannot move the cursor", () => {
  expect(printable("a\u001b[2Jb\nc")).toBe("ab c");
});
