import { checkValues, perSecond, range, throughputMetric, timed, type Workload } from "../workload.ts";

export const submit: Workload = {
  title: "tasks that do nothing, submitted one by one, all in flight",
  size: 20_000,
  quickSize: 5_000,
  slowSize: 2_000,
  metrics: throughputMetric,
  measure: (system, size) =>
    system.use({}, async (session) => {
      const submitAll = (inputs: number[]) =>
        Promise.all(inputs.map((input) => session.submit("noop", input)));
      await submitAll(range(size / 5));
      const inputs = range(size);
      const { value, ms } = await timed(() => submitAll(inputs));
      checkValues(value, inputs);
      return { throughput: perSecond(size, ms) };
    }),
};
