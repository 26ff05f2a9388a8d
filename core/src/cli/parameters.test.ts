import { mkdtempSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { addParameter } from "./parameters.ts";

test("values are JSON, and everything after the first = belongs to the value", () => {
  expect(addParameter("files=[1]")).toEqual(new Map([["files", [1]]]));
  expect(addParameter('equation="a=b"')).toEqual(new Map([["equation", "a=b"]]));
});

test("parameters add up", () => {
  expect(addParameter("b=null", addParameter("a=1"))).toEqual(
    new Map<string, unknown>([
      ["a", 1],
      ["b", null],
    ]),
  );
});

test("@ reads the value from a file", () => {
  const file = join(mkdtempSync(join(tmpdir(), "muster-parameters-")), "value.json");
  writeFileSync(file, '{"n": 1}\n');
  expect(addParameter(`config=@${file}`).get("config")).toEqual({ n: 1 });

  writeFileSync(file, "{");
  expect(() => addParameter(`config=@${file}`)).toThrow(/^-p config: the file .*value\.json is not JSON/);
  expect(() => addParameter("config=@no/such.json")).toThrow(
    /^-p config: the file no\/such\.json cannot be read/,
  );
});

test.each([
  ["name=Ada", `-p name: "Ada" is not JSON. Text needs quotes: -p 'name="Ada"'`],
  ["name=", `-p name: "" is not JSON. Text needs quotes: -p 'name=""'`],
  ["files=[a.txt]", /^-p files: "\[a\.txt\]" is not JSON: .*Put '…' around it\.$/],
  ["name", /^-p name: expected key=json/],
  ["=1", /^-p =1: expected key=json/],
])("%s is refused and says what to write", (text, message) => {
  expect(() => addParameter(text)).toThrow(message);
});

test("a parameter that is given twice is refused", () => {
  expect(() => addParameter("a=2", addParameter("a=1"))).toThrow('the parameter "a" is given twice');
});
