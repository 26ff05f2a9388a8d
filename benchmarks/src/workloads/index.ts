import type { WorkloadName } from "../system.ts";
import type { Workload } from "../workload.ts";
import { boot } from "./boot.ts";
import { bootFour } from "./boot-four.ts";
import { chain } from "./chain.ts";
import { cpu } from "./cpu.ts";
import { deep } from "./deep.ts";
import { latency } from "./latency.ts";
import { noop } from "./noop.ts";
import { stencil } from "./stencil.ts";
import { submit } from "./submit.ts";
import { timers } from "./timers.ts";
import { tree } from "./tree.ts";
import { value64mib } from "./value-64mib.ts";
import { values1mib } from "./values-1mib.ts";
import { waiting1m } from "./waiting-1m.ts";

export const workloads: Readonly<Record<WorkloadName, Workload>> = {
  noop,
  submit,
  latency,
  chain,
  tree,
  stencil,
  boot,
  "boot-four": bootFour,
  "value-64mib": value64mib,
  "values-1mib": values1mib,
  deep,
  cpu,
  timers,
  "waiting-1m": waiting1m,
};
