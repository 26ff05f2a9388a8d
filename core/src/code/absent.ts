import { MusterError } from "../base/errors.ts";

/**
 * Stands in a worker for an export that exists only in the driver: a cluster class, a test runner's `test`.
 * It can be read, constructed and extended, all to no effect, so that modules which use it at their top level
 * can be imported. A call is let pass during an import; later it throws a MusterError `CODE`.
 *
 * @param name for messages: `"DockerCluster" of @muster/docker`
 * @param importing whether a module is imported right now
 */
export function absent(name: string, importing: () => boolean): unknown {
  const members = new Map<string, unknown>();
  const member = (key: string): unknown => {
    if (!members.has(key)) members.set(key, absent(`${key} of ${name}`, importing));
    return members.get(key);
  };
  // A function, so that it may be called and extended, and of `function` kind, so that it has a prototype.
  const target = function Absent() {};

  return new Proxy(target, {
    get(_target, key) {
      if (key === "prototype") return target.prototype;
      if (key === Symbol.toPrimitive) return () => `[${name}]`;
      if (key === Symbol.iterator) return () => [].values();
      // No thenable: `await new Cluster()` must give the stand-in itself.
      if (typeof key === "symbol" || key === "then") return undefined;
      return member(`"${key}"`);
    },
    apply() {
      if (!importing()) throw onlyInDriver(name);
      return member("what is returned");
    },
    construct(_target, _args, newTarget) {
      const extended = newTarget.prototype !== target.prototype;
      return (extended ? Object.create(newTarget.prototype) : member("an instance")) as object;
    },
  });
}

function onlyInDriver(name: string): MusterError {
  return new MusterError(
    "CODE",
    `${name} exists only in the process that runs the flow, and a task called it on a worker. ` +
      "Call it in the flow itself, and give the task what came of it as an argument.",
  );
}
