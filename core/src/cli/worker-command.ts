import { pathToFileURL } from "node:url";
import type { Command } from "commander";
import { workerFile } from "../contracts/worker-file.ts";

const HELP = `
A cluster starts its workers by itself, and tells them what they need in environment variables. To start one by hand:
  MUSTER_TOKEN=… MUSTER_WORKER_ID=w-1 MUSTER_RUN_ID=… muster worker tcp://127.0.0.1:40123`;

export function addWorkerCommand(program: Command, finish: (exitCode: undefined) => void): void {
  program
    .command("worker")
    .description("run the tasks that an engine gives, until it says that it is done")
    .argument("<address>", "where the engine is: tcp://host:port or tls://host:port")
    .addHelpText("after", HELP)
    .action(async (address: string) => {
      const file = workerFile();
      // The worker is a program of its own, which reads its own command line.
      process.argv = [process.execPath, file, address];
      await import(pathToFileURL(file).href);
      finish(undefined);
    });
}
