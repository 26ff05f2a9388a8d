import { describeSituations, POOLS } from "./frame/describe-situations.ts";

/** An inner flow, with tasks on the row's executor, that would go on for ever. */
const INNER = `
  const endless = task("endless", () => { ran("endless"); return forever(); });
  const inner = flow({ name: "inner", executor }, () => endless.map([1, 2]));
  const runInner = async () => {
    const { name, message } = await inner.run();
    ran("inner " + name);
    ran(message);
  };
`;

describeSituations("an inner flow ends with its outer one", [
  {
    name: "that fails, and its tasks and workers are gone then",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      ${INNER}
      const fail = task("fail", async () => { await told("endless"); throw new RangeError("it broke"); });
      export default flow("outer", async () => { await Promise.all([runInner(), fail()]); });
    `,
    after: { state: "Failed", message: "it broke", ran: { "inner Cancelled": 1 } },
  },
  {
    name: "that is cancelled by its caller, both on the same executor",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      ${INNER}
      export default flow({ name: "outer", executor }, async () => { await runInner(); });
    `,
    main: `
      const controller = new AbortController();
      const running = self.run({ signal: controller.signal });
      await told("endless");
      controller.abort();
      ended(await running);
    `,
    after: {
      state: "Cancelled",
      ran: {
        "inner Cancelled": 1,
        'The run was cancelled: the flow "outer", inside which it ran, was cancelled.': 1,
      },
    },
  },
  {
    name: "that ends without waiting for it",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    flow: `
      ${INNER}
      export default flow("outer", async () => { void runInner(); await told("endless"); return 7; });
    `,
    after: {
      state: "Success",
      result: 7,
      ran: { 'The run was cancelled: the flow "outer", inside which it ran, ended.': 1 },
    },
  },
  {
    name: "that hears Ctrl-C: both are cancelled, once",
    on: POOLS,
    executor: { cancelGraceMs: 100 },
    start: { by: "muster run" },
    flow: `
      ${INNER}
      export default flow("outer", async () => { await runInner(); });
    `,
    async during(scene) {
      await scene.marked("endless");
      scene.signalGroup("SIGINT");
    },
    after: { state: "Cancelled", exitCode: 130, ran: { "inner Cancelled": 1 } },
  },
]);
