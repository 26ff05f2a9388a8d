import { bundle } from "../code/bundle.ts";
import { inlineFunction } from "../code/inline.ts";
import { projectDirectory } from "../code/project-directory.ts";
import { registeredTasks } from "../code/registry.ts";
import type { BundleUnit, CallSite, CodeUnit } from "../contracts/code-unit.ts";
import type { RunFunction } from "../scheduler/run-function.ts";

export interface CodeShipperOptions {
  /** What the driver itself was imported from, with `muster run`. */
  readonly unit?: BundleUnit | undefined;
}

/**
 * Finds for each function of a run the code that workers load: the bundle that the driver runs from, a bundle of the
 * module that defines the task, or, for a function that no module defines at its top level, its source.
 */
export class CodeShipper {
  readonly #unit: BundleUnit | undefined;
  /** By module. Those that are known at the start share a bundle, and so what they import. */
  readonly #bundles = new Map<string, Promise<BundleUnit>>();

  constructor(options: CodeShipperOptions) {
    this.#unit = options.unit;
    if (options.unit === undefined) this.#bundleKnown();
  }

  /**
   * Begins to find the code of `fn`; its tasks wait until `fn.preparing` is settled.
   * @throws MusterError `CODE` for a function that can only go as source, and does not stand alone
   */
  prepare(fn: RunFunction): void {
    const { site } = fn;
    if (site === undefined || site.nested) {
      fn.code = inlineFunction(fn.local, `Task "${fn.name}"`);
      return;
    }
    const preparing = this.#find(rootOf(site)).then((code) => {
      fn.code = code;
      fn.preparing = undefined;
    });
    // Every task that waits for it fails with the reason; without tasks nobody needs it.
    preparing.catch(() => {});
    fn.preparing = preparing;
  }

  async #find(root: string): Promise<CodeUnit> {
    if (this.#unit?.inputs.has(root)) return this.#unit;
    const bundling = this.#bundles.get(root);
    // One module that cannot be bundled must not cost the others theirs.
    const unit = await bundling?.catch(() => undefined);
    return unit ?? this.#bundle([root]);
  }

  /** Begins before the first task asks: the tasks that are defined by now are probably the flow's. */
  #bundleKnown(): void {
    const sites = registeredTasks().flatMap(({ site }) => (site === undefined || site.nested ? [] : [site]));
    const roots = [...new Set(sites.map(rootOf))];
    if (roots.length > 0) void this.#bundle(roots);
  }

  #bundle(roots: readonly string[]): Promise<BundleUnit> {
    const bundling = bundle({ roots, resolveFrom: projectDirectory(roots[0]!) });
    bundling.catch(() => {});
    for (const root of roots) this.#bundles.set(root, bundling);
    return bundling;
  }
}

/** The module to import, so that what is defined there is defined. */
function rootOf(site: CallSite): string {
  return site.module ?? site.file;
}
