import { flow, task, TemporaryClusterExecutor } from "@muster/core";
const bad = task("bad", () => { throw new Error("x"); });
const add = task("add", (a: number, b: number) => a + b);
console.log(await flow("f", async () => { const b = bad(); await add(1, 2); await add(1,3); console.log((b as any)); const l = add(b as any, 1); return l.then(() => 1, (e) => e.name); }).run());
