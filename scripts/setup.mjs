// Installs the dependencies when they are missing or older than the lock file, and only then.
// Runs on the host's own Node (20.20 or newer); everything after it runs on the Node of devDependencies.
import { spawnSync } from "node:child_process";
import { createHash } from "node:crypto";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));
const stampFile = "node_modules/.muster-setup";
const wanted = createHash("sha256").update(readFileSync("package-lock.json")).digest("hex");
const installed = existsSync(stampFile) ? readFileSync(stampFile, "utf8") : "";

if (installed !== wanted) {
  console.error("Installing dependencies (once) …");
  const npm = process.env.npm_execpath;
  const [command, args] = npm ? [process.execPath, [npm]] : ["npm", []];
  // Not "npm ci": it wants the packages of all platforms in the lock file, and not every registry has them.
  const result = spawnSync(
    command,
    [...args, "install", "--no-save", "--no-audit", "--no-fund", "--loglevel=error"],
    {
      stdio: ["ignore", 2, 2],
    },
  );
  if (result.status !== 0) {
    console.error("npm install failed; see the lines above.");
    process.exit(result.status ?? 1);
  }
  writeFileSync(stampFile, wanted);
}
