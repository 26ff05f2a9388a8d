import { InvalidOptionError } from "../base/errors.ts";
import { withoutCredentials } from "../base/without-credentials.ts";
import type { EngineEndpoint, OpenInfo } from "../contracts/provider.ts";
import { type RunningNatsServer, startNatsServer } from "./nats-server.ts";

/**
 * Where driver and workers meet: `"hub"`, in the driver; `"nats"`, at a server of NATS that is started for the run; or
 * the address of one that is there.
 */
export type EngineChoice = "hub" | "nats" | NatsAddress;
type NatsAddress = `${"nats" | "tls" | "ws" | "wss"}://${string}`;

const ADDRESS = /^(nats|tls|wss?):\/\/./;

/** @throws InvalidOptionError for what is no engine */
export function checkEngineChoice(choice: unknown, option = "engine"): EngineChoice {
  if (choice === undefined) return "hub";
  if (choice === "hub" || choice === "nats" || (typeof choice === "string" && ADDRESS.test(choice)))
    return choice as EngineChoice;
  const given = typeof choice === "string" ? withoutCredentials(choice) : choice;
  throw new InvalidOptionError(
    option,
    `${option} must be "hub", "nats", or the address of a server of NATS such as nats://10.0.0.7:4222, but it is ${JSON.stringify(given)}.`,
  );
}

/** The engine that a provider brings, whose workers are processes of the driver's machine. */
export class BroughtEngine {
  readonly #choice: Exclude<EngineChoice, "hub">;
  #server: RunningNatsServer | undefined;

  constructor(choice: Exclude<EngineChoice, "hub">) {
    this.#choice = choice;
  }

  /** @throws MusterError `CLUSTER_START` */
  async open({ runId, signal }: Pick<OpenInfo, "runId" | "signal">): Promise<EngineEndpoint> {
    // Who the driver is at a server that is there, its environment says.
    if (this.#choice !== "nats") return { address: this.#choice, token: "" };
    this.#server = await startNatsServer({ runId, signal });
    const { address, env: nats } = this.#server;
    return { address, token: "", nats, isOwnServer: true };
  }

  async close(): Promise<void> {
    await this.#server?.stop();
  }
}
