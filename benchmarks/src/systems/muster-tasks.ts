/** The benchmark's functions as Muster's tasks. Workers import this module, so it defines tasks and runs nothing. */
import { task } from "@muster/core";
import * as functions from "../tasks.ts";

export const musterTasks = {
  noop: task("noop", functions.noop),
  increment: task("increment", functions.increment),
  add: task("add", functions.add),
  makeBytes: task("makeBytes", functions.makeBytes),
  checksum: task("checksum", functions.checksum),
  mix: task("mix", functions.mix),
  hashBlock: task("hashBlock", functions.hashBlock),
  timer: task("timer", functions.timer),
  hold: task("hold", functions.hold),
};
