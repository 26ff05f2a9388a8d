// The slow tests: what every provider must do, and what takes long. `npm run e2e -- docker` runs the contract of one
// provider, which must then be there, and `npm run e2e -- slow` what needs no provider's service; without a name all
// run whose service can be reached.
import { spawn } from "node:child_process";
import { fileURLToPath } from "node:url";

process.chdir(fileURLToPath(new URL("..", import.meta.url)));

/** Each provider that has a contract test, and why its service cannot be used, if it cannot. */
const PROVIDERS = {
  local: async () => undefined,
  docker: async () => {
    const { leases } = await import("@muster/docker");
    return leases.list().then(
      () => undefined,
      (error) => error.message,
    );
  },
};

function vitest(...args) {
  return new Promise((resolve) => {
    spawn("vitest", ["run", ...args], { stdio: "inherit" }).on("close", (exitCode) => resolve(exitCode ?? 1));
  });
}

/** The tests that take long and belong to no provider. */
const SLOW = "slow";

const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const asked = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const unknown = asked.find((name) => name !== SLOW && !Object.hasOwn(PROVIDERS, name));
if (unknown !== undefined) {
  console.error(
    `e2e: nothing is called "${unknown}"; there are ${[...Object.keys(PROVIDERS), SLOW].join(", ")}.`,
  );
  process.exit(2);
}
const providers = asked.length > 0 ? asked.filter((name) => name !== SLOW) : Object.keys(PROVIDERS);

const reachable = [];
let isMissing = false;
for (const name of providers) {
  const why = await PROVIDERS[name]();
  console.log(`e2e: ${name}: ${why === undefined ? "reachable" : `not reachable: ${why}`}`);
  if (why === undefined) reachable.push(name);
  else isMissing = true;
}
if (asked.length > 0 && isMissing) process.exit(1);

// Names of files that begin so: `docker.contract.test.ts`, `docker-engine.contract.test.ts`. What a user's own cluster
// class does needs no more than the local one.
const filters = reachable.flatMap((name) =>
  name === "local" ? ["contract/local", "contract/user-cluster"] : [`contract/${name}`],
);
let exitCode = 0;
if (filters.length > 0)
  exitCode = await vitest("--config", "e2e/contract.vitest.config.ts", ...options, ...filters);
if (asked.length === 0 || asked.includes(SLOW)) {
  exitCode = (await vitest("--config", "e2e/vitest.config.ts", ...options)) || exitCode;
}
process.exitCode = exitCode;
