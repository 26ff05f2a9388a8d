import { readFileSync } from "node:fs";
import { Command, CommanderError } from "commander";
import { MusterError } from "../base/errors.ts";
import { addClusterCommand } from "./cluster-command.ts";
import { describeError, userFrames } from "./describe-error.ts";
import { EXIT_CODE } from "./exit-code.ts";
import { addPoolCommand } from "./pool-command.ts";
import { addRunCommand } from "./run-command.ts";
import { UsageError } from "./usage-error.ts";
import { addWorkerCommand } from "./worker-command.ts";

const EXAMPLES = `
Examples:
  muster run flows/word-count.ts -p files='["a.txt","b.txt"]'
  muster run flows/word-count.ts#nightly --workers 8
  muster run --help`;

/**
 * Runs the command line.
 *
 * @param args what follows `muster`
 * @returns the exit code; `undefined` where the command goes on and ends the process by itself (a worker)
 */
export async function main(args: readonly string[]): Promise<number | undefined> {
  let exitCode: number | undefined = EXIT_CODE.success;
  const program = new Command("muster")
    .description("Runs flows of TypeScript tasks on clusters that exist only as long as the flow does.")
    .version(version(), "-V, --version", "print the version")
    .helpOption("-h, --help", "show this help")
    .helpCommand(false)
    .addHelpText("after", EXAMPLES)
    .showSuggestionAfterError()
    .configureOutput({ outputError: () => {} })
    .exitOverride();
  const finish = (code: number | undefined): void => {
    exitCode = code;
  };
  addRunCommand(program, finish);
  addWorkerCommand(program, finish);
  addClusterCommand(program, finish);
  addPoolCommand(program, finish);

  try {
    await program.parseAsync(args, { from: "user" });
    return exitCode;
  } catch (error) {
    return reportFailure(error, args);
  }
}

function reportFailure(error: unknown, args: readonly string[]): number {
  if (error instanceof UsageError) {
    console.error(`muster: ${error.message}`);
    return EXIT_CODE.usage;
  }
  if (error instanceof CommanderError) {
    if (error.exitCode === 0) return EXIT_CODE.success;
    // Help that was shown because no command was given speaks for itself.
    if (error.code !== "commander.help")
      console.error(`muster: ${oneLine(error.message)} See muster ${helpOf(args)}.`);
    return EXIT_CODE.usage;
  }
  if (error instanceof MusterError) {
    // It says all there is to say; what it was made of is more of the same.
    console.error(
      [`muster: ${error.message}`, ...userFrames(error).map((frame) => `    ${frame}`)].join("\n"),
    );
  } else {
    console.error(describeError(error).join("\n"));
  }
  return EXIT_CODE.failed;
}

function oneLine(message: string): string {
  const line = message.replace(/^error: /, "").replaceAll(/\s*\n\s*/g, " ");
  return /[.?!)]$/.test(line) ? line : `${line}.`;
}

function helpOf([command]: readonly string[]): string {
  return ["run", "worker", "pool"].includes(command ?? "") ? `${command} --help` : "--help";
}

function version(): string {
  const packageFile = new URL("../../package.json", import.meta.url);
  return (JSON.parse(readFileSync(packageFile, "utf8")) as { version: string }).version;
}
