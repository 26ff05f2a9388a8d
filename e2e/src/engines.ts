import type { LocalClusterOptions } from "@muster/local";

interface EngineRow {
  /** What makes a LocalCluster use it. */
  readonly kwargs: LocalClusterOptions;
  /** Whether a run's large values are files of the driver's machine. */
  readonly keepsValuesHere: boolean;
}

/** One more is one more row: by `npm run e2e -- engines` all that runs on a LocalCluster runs over it. */
export const ENGINES = {
  hub: { kwargs: {}, keepsValuesHere: true },
  nats: { kwargs: { engine: "nats" }, keepsValuesHere: false },
} as const satisfies Readonly<Record<string, EngineRow>>;

/** Names the engine that the suites of this process, and the programs that they start, run over. @default "hub" */
export const ENGINE_VARIABLE = "MUSTER_E2E_ENGINE";

export const engine: EngineRow = chosen();
export const engineKwargs: LocalClusterOptions = engine.kwargs;

function chosen(): EngineRow {
  const name = process.env[ENGINE_VARIABLE] || "hub";
  if (Object.hasOwn(ENGINES, name)) return ENGINES[name as keyof typeof ENGINES];
  throw new Error(`${ENGINE_VARIABLE} is "${name}"; there are ${Object.keys(ENGINES).join(", ")}.`);
}
