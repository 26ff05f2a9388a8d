import { describe } from "vitest";
import { describeCancelling } from "./engine/cancelling.ts";
import { describeClosing } from "./engine/closing.ts";
import { describeDraining } from "./engine/draining.ts";
import { describeEnds } from "./engine/ends.ts";
import type { EngineFactory } from "./engine/engine-factory.ts";
import { EngineKit } from "./engine/engine-kit.ts";
import { describeFailing } from "./engine/failing.ts";
import { describeLosing } from "./engine/losing.ts";
import { describeMemory } from "./engine/memory.ts";
import { describeOrder } from "./engine/order.ts";
import { describeResources } from "./engine/resources.ts";
import { describeTelling } from "./engine/telling.ts";
import { describeValues } from "./engine/values.ts";

/**
 * The contract that every engine passes: all that the scheduler relies on. Call it in a test file of vitest.
 * ```ts
 * describeEngine("hub", {
 *   workers: "added",
 *   open: (options) => {
 *     const engine = new HubEngine({ clock: systemClock, run: options.run, possibleResources: options.resources });
 *     return { engine, link: engine, addWorker: workerProcesses(engine, options) };
 *   },
 * });
 * ```
 * @param name of the engine, for messages
 */
export function describeEngine(name: string, factory: EngineFactory): void {
  const kit = new EngineKit(factory);
  describe(`the engine contract: ${name}`, { timeout: factory.timeoutMs ?? 60_000 }, () => {
    describeValues(kit);
    describeMemory(kit);
    describeFailing(kit);
    describeOrder(kit);
    describeTelling(kit);
    describeResources(kit);
    describeCancelling(kit);
    describeLosing(kit);
    describeDraining(kit);
    describeEnds(kit);
    describeClosing(kit);
  });
}
