import { PassThrough } from "node:stream";
import picocolors from "picocolors";
import { expect, test } from "vitest";
import { SimulatedClock } from "../base/clock.ts";
import type { StateName } from "../contracts/event.ts";
import { Progress } from "../events/progress.ts";
import { TerminalProgress } from "./terminal-progress.ts";

/** What a terminal of unlimited height shows after `written`, and whether its cursor is visible. */
function screenOf(written: string): { lines: string[]; cursor: boolean } {
  const lines = [""];
  let cursor = true;
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal reads.
  for (const [token, count, letter] of written.matchAll(/\u001b\[\??(\d*)([A-Za-z])|\r|\n|[^\u001b\r\n]+/g)) {
    if (token === "\n") lines.push("");
    else if (letter === "A") lines.length -= Number(count);
    else if (letter === "J") lines[lines.length - 1] = "";
    else if (letter === "l" || letter === "h") cursor = letter === "h";
    else if (letter === undefined && token !== "\r") lines[lines.length - 1] += token;
  }
  return { lines, cursor };
}

function terminalRun() {
  const clock = new SimulatedClock();
  const progress = new Progress();
  const terminal = Object.assign(new PassThrough(), { columns: 100, rows: 24, isTTY: true });
  let written = "";
  terminal.setEncoding("utf8").on("data", (text: string) => {
    written += text;
  });
  const stream = terminal as unknown as NodeJS.WriteStream;
  const printer = new TerminalProgress({
    progress,
    clock,
    stream,
    streams: [stream],
    logLevel: "info",
    colors: picocolors.createColors(false),
  });
  const task = (id: number, state: StateName): void =>
    progress.record({ type: "task", at: 0, id, name: "hash", state, attempt: 1 });
  return { clock, printer, stream, task, screen: () => screenOf(written), bytes: () => written.length };
}

test("the view is redrawn in place, ten times a second at most", async () => {
  const { clock, task, screen, bytes, printer } = terminalRun();
  for (let id = 1; id <= 4; id++) task(id, "Running");
  await clock.advance(100);
  expect(screen().lines).toEqual([
    expect.stringMatching(/^hash .* 0\/4 {2}4 running$/),
    expect.stringMatching(/^workers/),
    "",
  ]);

  const before = bytes();
  for (let id = 1; id <= 4; id++) task(id, "Success");
  await clock.advance(99);
  expect(bytes()).toBe(before);
  await clock.advance(1);
  expect(screen().lines).toEqual([
    expect.stringMatching(/^hash .* 4\/4$/),
    expect.stringMatching(/^workers/),
    "",
  ]);
  printer[Symbol.dispose]();
});

test("log lines and the flow's own output stand above the view, whole and in order", async () => {
  const { clock, printer, stream, task, screen } = terminalRun();
  task(1, "Running");
  stream.write("first\nsec");
  await clock.advance(100);
  stream.write(Buffer.from("ond\n"));
  printer.record({ type: "log", at: 0, level: "warn", message: "slow" });
  printer.record({ type: "log", at: 0, level: "debug", message: "not asked for" });
  await clock.advance(100);
  expect(screen().lines).toEqual([
    "first",
    "second",
    expect.stringMatching(/warn {2}slow$/),
    expect.stringMatching(/^hash/),
    expect.stringMatching(/^workers/),
    "",
  ]);
  printer[Symbol.dispose]();
});

test("at its end the cursor is back, the last numbers are there, and nothing is left to fire", async () => {
  const { clock, printer, stream, task, screen } = terminalRun();
  expect(screen().cursor).toBe(false);
  task(1, "Success");
  stream.write("no line end");
  printer[Symbol.dispose]();
  printer[Symbol.dispose]();
  expect(screen()).toEqual({
    cursor: true,
    lines: [expect.stringMatching(/^hash .* 1\/1$/), expect.stringMatching(/^workers/), "no line end"],
  });
  expect(clock.pending).toBe(0);

  stream.write("\nafterwards");
  expect(screen().lines.at(-1)).toBe("afterwards");
});

test("a terminal that became narrower leaves no remains of wider lines", async () => {
  const { clock, printer, stream, task, screen } = terminalRun();
  for (let id = 1; id <= 4; id++) task(id, "Running");
  await clock.advance(100);
  const rows = screen().lines.length - 1;
  stream.columns = 30;
  task(1, "Success");
  // The wide lines take more rows now than they were drawn on: the view goes up by as many.
  const widest = Math.max(...screen().lines.map((line) => line.length));
  expect(widest).toBeGreaterThan(30);
  let written = "";
  stream.on("data", (text: string) => {
    written += text;
  });
  await clock.advance(100);
  // biome-ignore lint/suspicious/noControlCharactersInRegex: that is what a terminal reads.
  expect(Number(/\u001b\[(\d+)A/.exec(written)?.[1])).toBeGreaterThan(rows);
  printer[Symbol.dispose]();
});
