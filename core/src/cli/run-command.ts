import { type Command, InvalidArgumentError, Option } from "commander";
import { LOG_LEVELS } from "../printing/log-line.ts";
import { addParameter } from "./parameters.ts";
import { type RunFlowFileOptions, runFlowFile } from "./run-flow-file.ts";

const HELP = `
The flow runs in this process, its tasks where the flow's executor says. Ctrl-C, SIGTERM and
SIGHUP cancel the run; a second one ends the command within two seconds.

In a pipe or a file, stdout gets the whole result: text and bytes as they are, all else as one line of JSON. What the
flow itself prints comes before it; --json keeps the two apart. Progress and log lines go to stderr.

Exit codes: 0 Success, 1 a failed flow, 2 bad usage, 130 cancelled.

Examples:
  muster run flows/word-count.ts -p files='["a.txt","b.txt"]'
  muster run flows/word-count.ts -p files=@files.json
  muster run flows/word-count.ts#nightly --workers 8
  muster run flows/word-count.ts --address nats://10.0.0.7:4222 --pool default
  muster run flows/word-count.ts --json 2>progress.log | jq .result
  muster run flows/word-count.ts --events events.jsonl --log-level debug`;

export function addRunCommand(program: Command, finish: (exitCode: number) => void): void {
  program
    .command("run")
    .description("run the flow that a file exports")
    .argument(
      "<file[#export]>",
      "the flow's file, and which export when it has several flows and no default export",
    )
    .option(
      "-p, --parameter <key=json>",
      "a parameter of the flow; once for each (key=@file.json reads a file)",
      addParameter,
    )
    .option("--image <image>", "image for the workers of clusters that run images; context.image in the flow")
    .option(
      "--workers <count>",
      "how many workers; a flow that runs in this process gets a local cluster of so many",
      parseWorkers,
    )
    .option(
      "--address <address>",
      "run the tasks on a pool of workers, at this NATS server: nats://host:port",
    )
    .option("--pool <name>", "which pool, with --address (default: default)")
    .addOption(
      new Option("--log-level <level>", "the least important log lines to show")
        .choices(LOG_LEVELS)
        .default("info"),
    )
    .option("--json", "print the outcome as one line of JSON on stdout, and everything else on stderr")
    .option("--events <file>", "write every event of the run to a file, one JSON object a line")
    .addHelpText("after", HELP)
    .action(async (file: string, options: RunFlowFileOptions) => finish(await runFlowFile(file, options)));
}

function parseWorkers(text: string): number {
  const count = Number(text);
  if (!/^\d+$/.test(text) || count < 1) throw new InvalidArgumentError("Expected a whole number from 1 on.");
  return count;
}
