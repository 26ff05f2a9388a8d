import { context, flow, TemporaryClusterExecutor, task } from "@muster/core";

const add = task("add", (a: number, b: number) => a + b);
const bytes = task("bytes", (n: number) => new Uint8Array(n).fill(7));
const size = task("size", (b: Uint8Array) => [b.length, b[b.length - 1], context.image]);
const f = flow(
  {
    name: "t",
    executor: new TemporaryClusterExecutor({
      clusterClass: "providers/docker#DockerCluster",
      clusterKwargs: { workers: 2 },
    }),
  },
  async () => {
    const t = performance.now();
    const x = await add(1, 2);
    console.log("first", performance.now() - t);
    const b = bytes(64 * 2 ** 20);
    console.log(await size(b), (await b).length, performance.now() - t);
    return x;
  },
);
const t = performance.now();
const state = await f.run({
  onEvent: (e: any) => {
    if (e.type !== "task") console.log(Math.round(performance.now() - t), JSON.stringify(e));
  },
});
console.log(state.name, state.message, performance.now() - t);
