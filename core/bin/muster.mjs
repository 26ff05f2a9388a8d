#!/usr/bin/env node
const [major, minor] = process.versions.node.split(".").map(Number);
if (major < 22 || (major === 22 && minor < 19)) {
  console.error(`muster: Node ${process.versions.node} is too old; it needs 22.19 or newer.`);
  process.exit(2);
}

if (process.pid === 1) (await import("../dist/cli/first-process.js")).leaveFirstProcess();
const { main } = await import("../dist/cli/main.js");
const exitCode = await main(process.argv.slice(2));
// What a flow left open (a timer, a connection) must not keep the command from ending; its output must be out first.
if (exitCode !== undefined)
  process.stdout.write("", () => process.stderr.write("", () => process.exit(exitCode)));
