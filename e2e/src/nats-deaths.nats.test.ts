import { appendFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";
import { flow, type MusterEvent, task } from "@muster/core";
import { seededRandom } from "@muster/core/testing";
import { expect, test } from "vitest";
import { localWorkers } from "./support/clusters.ts";
import { blobDirectoriesOf, processesWith } from "./support/left-behind.ts";
import { NatsServer, Network } from "./support/nats.ts";

/** So many times each, with other seeds; `MUSTER_TIMES=10` for a long look. */
const TIMES = Number(process.env["MUSTER_TIMES"] ?? 2);
const TASKS = 2000;
const LARGE_BYTES = 200_000;

/** Writes down that it ran, and gives a small value, or now and then a large one. */
const step = task({ name: "step", workerLostRetries: 20 }, async (ledger: string, id: number, ms: number) => {
  if (ms > 0) await new Promise((resolve) => setTimeout(resolve, ms));
  appendFileSync(ledger, `${id}\n`);
  return id % 40 === 0 ? new Uint8Array(LARGE_BYTES).fill(id % 251) : id;
});
const check = task("check", (id: number, value: number | Uint8Array) =>
  typeof value === "number" ? value === id : value.length === LARGE_BYTES && value[9] === id % 251,
);

interface Life {
  /** What happens while the tasks run. */
  readonly happens: (run: { readonly flowRunId: string; readonly random: () => number }) => Promise<void>;
  /** Where the driver and its workers find the server. */
  readonly address: string;
  /** Whether workers die, so that what they had not told runs again. */
  readonly workersDie?: boolean;
}

async function live({ happens, address, workersDie = false }: Life): Promise<void> {
  const { random, seed } = seededRandom();
  const directory = mkdtempSync(join(tmpdir(), "muster-e2e-ledger-"));
  const ledger = join(directory, "ledger");
  writeFileSync(ledger, "");
  const durations = Array.from({ length: TASKS }, () => (random() < 0.5 ? 0 : Math.ceil(random() * 20)));
  const successes = new Map<number, number>();
  let flowRunId = "";
  const onEvent = (event: MusterEvent): void => {
    if (event.type === "flow") flowRunId = event.flowRunId;
    if (event.type !== "task" || event.state !== "Success" || event.name !== "step") return;
    successes.set(event.id, (successes.get(event.id) ?? 0) + 1);
  };
  const ids = Array.from({ length: TASKS }, (_, id) => id);
  const lives = flow(
    { name: "lives", executor: localWorkers({ workers: 3, engine: address as `nats://${string}` }) },
    () =>
      check.map(
        ids,
        step.map(
          ids.map(() => ledger),
          ids,
          durations,
        ),
      ),
  );
  const running = lives.run({ onEvent });
  const happening = (async () => {
    while (successes.size < TASKS / 10) await delay(10);
    await happens({ flowRunId, random });
  })();
  const state = await running;
  await happening;
  const ran = readFileSync(ledger, "utf8").split("\n").filter(Boolean).map(Number);
  rmSync(directory, { recursive: true });
  expect(state.message, `seed ${seed}`).toBe("");
  expect((state.unwrap() as boolean[]).every(Boolean), `seed ${seed}`).toBe(true);
  expect(successes.size, `seed ${seed}`).toBe(TASKS);
  expect([...successes.values()].filter((count) => count !== 1)).toEqual([]);
  expect(new Set(ran).size, `seed ${seed}`).toBe(TASKS);
  if (!workersDie) expect(ran.length - TASKS, `seed ${seed}: how many ran again`).toBe(0);
  expect(processesWith(`MUSTER_RUN_ID=${flowRunId}`)).toEqual([]);
  expect(blobDirectoriesOf(process.pid)).toEqual([]);
}

for (let time = 1; time <= TIMES; time++) {
  for (const version of ["NATS_SERVER_BIN", "NATS_OLD_SERVER_BIN"] as const) {
    test(`a server that is killed in the middle of ${TASKS} tasks, and started again on the same files, costs no finished task (${version}, ${time})`, async () => {
      await using server = await NatsServer.start(version);
      await live({
        address: server.address,
        happens: async ({ random }) => {
          for (let kills = 0; kills < 2; kills++) {
            await server.kill();
            await delay(random() * 3000);
            await server.restart();
            await delay(random() * 1000);
          }
        },
      });
    }, 180_000);
  }

  test(`workers that are killed cost what they had not told of alone (${time})`, async () => {
    await using server = await NatsServer.start();
    await live({
      address: server.address,
      workersDie: true,
      happens: async ({ flowRunId, random }) => {
        for (let kills = 0; kills < 4; kills++) {
          const pids = processesWith(`MUSTER_RUN_ID=${flowRunId}`, "MUSTER_WORKER_ID");
          const victim = pids[Math.floor(random() * pids.length)];
          if (victim !== undefined) process.kill(victim, "SIGKILL");
          await delay(random() * 500);
        }
      },
    });
  }, 180_000);
}

test("a network that is cut for 30 s costs time, and no finished task", async () => {
  await using server = await NatsServer.start();
  using network = await Network.to(server.port);
  await live({
    address: network.address,
    happens: async () => {
      network.cut();
      await delay(30_000);
      network.mend();
    },
  });
}, 240_000);
