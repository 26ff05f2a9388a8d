/** What is to be done when this process exits in an orderly way, of all parts and all copies of this module. */
const KEY = Symbol.for("muster.at-exit/1");
const holder = globalThis as { [KEY]?: Set<() => void> };

/**
 * Has `action` done when the process exits, unless the returned function is called before. One listener of the process
 * serves all: a program may have any number of runs at once.
 */
export function atExit(action: () => void): () => void {
  holder[KEY] ??= listen();
  const actions = holder[KEY];
  // The same function may be given twice.
  const entry = (): void => action();
  actions.add(entry);
  return () => void actions.delete(entry);
}

function listen(): Set<() => void> {
  const actions = new Set<() => void>();
  process.on("exit", () => {
    for (const action of [...actions].reverse()) {
      try {
        action();
      } catch (error) {
        // The others are still to be done.
        process.stderr.write(`muster: at the exit of the process: ${String(error)}\n`);
      }
    }
    actions.clear();
  });
  return actions;
}
