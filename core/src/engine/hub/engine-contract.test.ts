import { systemClock } from "../../base/clock.ts";
import type { HubAddress } from "../../contracts/provider.ts";
import { describeEngine } from "../../testing/describe-engine.ts";
import type { EngineOptions, OpenEngine } from "../../testing/engine/engine-factory.ts";
import { workerProcesses } from "../../testing/engine/worker-processes.ts";
import { HubEngine } from "./hub-engine.ts";

function open(options: EngineOptions, address?: HubAddress): OpenEngine {
  const { run, resources: possibleResources, heartbeatMs, workerTimeoutMs } = options;
  const engine = new HubEngine({
    clock: systemClock,
    run,
    possibleResources,
    heartbeatMs,
    workerTimeoutMs,
    address,
  });
  return { engine, link: engine, addWorker: workerProcesses(engine, options) };
}

describeEngine("hub", {
  workers: "added",
  open: (options) => open(options),
  broken: {
    open: (options) => open(options, { listen: "192.0.2.77" }),
    says: /cannot listen for its workers on 192\.0\.2\.77: listen EADDRNOTAVAIL/,
  },
});
