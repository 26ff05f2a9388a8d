// The slow tests. `npm run e2e -- docker` runs the contract of one provider, which must then be there; `npm run e2e --
// slow` what takes long and needs no service; `npm run e2e -- situations` the tables of situations, and behind it may
// stand which files of them: `situations ends`; `npm run e2e -- ledger` random lives of runs; `npm run e2e -- nats` what
// starts servers of NATS; `npm run e2e -- engines` all that runs on a LocalCluster, over each engine that it can have
// beside its own. Without a name all run whose service can be reached.
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

/** Suites that belong to no provider, each with a configuration of its own. */
const SUITES = {
  slow: "e2e/vitest.config.ts",
  situations: "e2e/situations.vitest.config.ts",
  ledger: "e2e/ledger.vitest.config.ts",
  nats: "e2e/nats.vitest.config.ts",
  engines: "e2e/engines.vitest.config.ts",
};
/** What a suite needs, which is not everywhere; one that is asked for by its name fails without. */
const NEEDS = { nats: "NATS_SERVER_BIN", engines: "NATS_SERVER_BIN" };

const options = process.argv.slice(2).filter((argument) => argument.startsWith("-"));
const words = process.argv.slice(2).filter((argument) => !argument.startsWith("-"));
const isName = (word) => Object.hasOwn(PROVIDERS, word) || Object.hasOwn(SUITES, word);
// Words behind the name of a suite that are no names themselves are parts of the names of its files.
const firstFilter = words.findIndex((word) => !isName(word));
const asked = firstFilter < 0 ? words : words.slice(0, firstFilter);
const fileFilters = firstFilter < 0 ? [] : words.slice(firstFilter);
if (fileFilters.length > 0 && (asked.length !== 1 || !Object.hasOwn(SUITES, asked[0]))) {
  const names = [...Object.keys(PROVIDERS), ...Object.keys(SUITES)].join(", ");
  console.error(`e2e: nothing is called "${fileFilters[0]}"; there are ${names}.`);
  process.exit(2);
}
const isAsked = (name) => words.length === 0 || asked.includes(name);

const reachable = new Set();
let isMissing = false;
for (const [name, whyNot] of Object.entries(PROVIDERS)) {
  const why = await whyNot();
  if (why === undefined) reachable.add(name);
  else isMissing ||= asked.includes(name);
  if (isAsked(name))
    console.log(`e2e: ${name}: ${why === undefined ? "reachable" : `not reachable: ${why}`}`);
}
if (isMissing) process.exit(1);

let exitCode = 0;
// Names of files that begin so: `docker.contract.test.ts`, `docker-engine.contract.test.ts`. What a user's own cluster
// class does needs no more than the local one.
const contracts = [...reachable]
  .filter(isAsked)
  .flatMap((name) => (name === "local" ? ["contract/local", "contract/user-cluster"] : [`contract/${name}`]));
if (contracts.length > 0)
  exitCode = await vitest("--config", "e2e/contract.vitest.config.ts", ...options, ...contracts);
if (!reachable.has("docker")) process.env.MUSTER_E2E_WITHOUT_DOCKER = "1";
for (const [name, config] of Object.entries(SUITES)) {
  const needed = NEEDS[name];
  if (needed !== undefined && !process.env[needed] && !asked.includes(name)) {
    console.log(`e2e: ${name}: left out: ${needed} is not set`);
    continue;
  }
  if (isAsked(name)) exitCode = (await vitest("--config", config, ...options, ...fileFilters)) || exitCode;
}
process.exitCode = exitCode;
