// Builds the image of the worker, with the Docker engine that the `docker` command uses.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

const directory = fileURLToPath(new URL("..", import.meta.url));
const { version } = JSON.parse(readFileSync(`${directory}/package.json`, "utf8"));
const worker = readFileSync(`${directory}/dist/worker.cjs`);
const hash = createHash("sha256").update(worker).digest("hex");
const tags = [`muster-worker:${version}`, "muster-worker:latest"].flatMap((tag) => ["--tag", tag]);
const args = ["build", "--build-arg", `WORKER_SHA256=${hash}`, ...tags, directory];
const { status, error } = spawnSync("docker", args, { stdio: "inherit" });
if (error !== undefined) console.error(`docker cannot be started: ${error.message}`);
process.exitCode = status ?? 1;
