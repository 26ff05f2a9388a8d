import { CLUSTERS, describeSituations } from "./frame/describe-situations.ts";

describeSituations("workers that nobody has asked for", [
  {
    name: "a flow whose cluster is to have none, and which nobody could scale",
    on: ["own"],
    flow: `
      const workers = new TemporaryClusterExecutor({ clusterKwargs: { workers: 0 } });
      const work = task("work", () => 1);
      export default flow({ name: "starves", executor: workers }, () => work());
    `,
    after: { state: "Failed", error: { code: "INVALID_OPTION" }, message: /workers is 0.*adaptKwargs/ },
  },
  {
    name: "bounds between which there is no worker",
    on: ["own"],
    flow: `
      const workers = new TemporaryClusterExecutor({ adaptKwargs: { minimum: 0, maximum: 0 } });
      const work = task("work", () => 1);
      export default flow({ name: "starves", executor: workers }, () => work());
    `,
    after: { state: "Failed", error: { code: "INVALID_OPTION" }, message: /adaptKwargs\.maximum/ },
  },
  {
    name: "none, without adapt, but with an initial number of its own",
    on: ["own"],
    flow: `
      const workers = new TemporaryClusterExecutor({ clusterKwargs: { workers: 0 }, adaptKwargs: { maximum: 1 } });
      const work = task("work", () => 1);
      export default flow({ name: "grows", executor: workers }, () => work());
    `,
    after: { state: "Success", result: 1 },
  },
  {
    name: "a cluster that its maker scales to none in the middle, and up again when it is told that tasks wait",
    on: ["own"],
    files: {
      "cluster.ts": `
        import { LocalCluster } from "@muster/local";
        export let made: LocalCluster;
        export const make = (kwargs: object) => (made = new LocalCluster({ ...kwargs, workers: 1 }));
      `,
    },
    start: {
      runOptions: `onEvent: (event) => { if (event.type === "log" && event.level === "warn" && event.message.includes("is to have no workers")) ran(event.message); }`,
    },
    flow: `
      import { made, make } from "./cluster.ts";
      const work = task("work", (n: number) => { ran("work"); return n; });
      export default flow({ name: "scales", executor: new TemporaryClusterExecutor({ clusterClass: make }) }, async () => {
        await work(1);
        made.scale(0);
        const later = work(2);
        await told('The cluster "local" is to have no workers, and 1 task waits ("work"). Nothing goes on until somebody calls its scale() or adapt(); or give it \`workers\`, or the executor \`adaptKwargs\`.');
        made.scale(1);
        return later;
      });
    `,
    after: { state: "Success", result: 2, ran: { work: 2 } },
  },
  {
    name: "an executor of one's own that begins with none, and asks for some",
    on: CLUSTERS,
    executor: { cluster: { workers: 0 } },
    main: `
      const add = (a: number, b: number) => a + b;
      await using running = await executor.start();
      const sum = running.submit(add, [1, 2]);
      (running as unknown as { cluster: { scale(workers: number): void } }).cluster.scale(1);
      ran(await sum);
    `,
    after: { ran: { 3: 1 } },
  },
]);
