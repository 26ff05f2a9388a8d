import { expect, test } from "vitest";
import type { PoolStatus } from "../wire/nats/pool/pool-status.ts";
import { poolTable } from "./pool-table.ts";

const lane = (flowName: string, since: number) => ({ runId: "run-1", flowName, token: "any", since });

test("a pool is shown with its workers, whom their lanes work for, and what runs wait for", () => {
  const worker = { pool: "default", host: "here", node: "v24.0.0", protocol: 6 };
  const status: PoolStatus = {
    pool: "default",
    workers: [
      {
        ...worker,
        id: "here-1",
        pid: 12,
        resources: { GPU: 1 },
        lanes: [lane("nightly", 1000), lane("nightly", 3000), {}],
        isLeaving: false,
      },
      { ...worker, id: "here-2", pid: 1234, resources: {}, lanes: [{}], isLeaving: true },
    ],
    runs: [
      { runId: "run-1", flowName: "nightly", host: "laptop", pid: 7, class: "any", lanes: 2, needs: 40 },
      {
        runId: "run-2",
        flowName: "train\nnow",
        host: undefined,
        pid: undefined,
        class: "GPU=1",
        lanes: 0,
        needs: 3,
      },
    ],
    demand: [
      { class: "GPU=1", stream: "MUSTER_POOL_default", consumer: "demand-GPU=1", lag: 3 },
      { class: "any", stream: "MUSTER_POOL_default", consumer: "demand-any", lag: 40 },
    ],
  };
  expect(poolTable(status, { now: 4000 })).toEqual([
    "Pool default: 2 workers, 2 of 4 lanes busy, 43 wanted",
    "",
    "WORKER  HOST  PID   LANES  RESOURCES  WORKS FOR",
    "here-1  here  12    2/3    GPU: 1     nightly ×2 (3.0 s)",
    "here-2  here  1234  0/1    -          leaving; -",
    "",
    "RUN    FLOW       CLASS   LANES  WAITS FOR  DRIVER",
    "run-1  nightly    any     2      38         laptop 7",
    "run-2  train now  GPU: 1  0      3          ?",
  ]);
  for (const line of poolTable(status, { now: 4000, columns: 20 }))
    expect(line.length).toBeLessThanOrEqual(20);
});

test("a pool that has nothing says so in one line", () => {
  const empty = { pool: "gpu", workers: [], runs: [], demand: [] };
  expect(poolTable(empty, { now: 0 })).toEqual(["Pool gpu: 0 workers, 0 of 0 lanes busy, 0 wanted"]);
});
