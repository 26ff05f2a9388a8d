import { bundle } from "../code/bundle.ts";
import type { BundleUnit, CallSite, CodeUnit } from "../code/code-unit.ts";
import { inlineFunction } from "../code/inline.ts";
import { projectDirectory } from "../code/project-directory.ts";
import type { RunFunction } from "../scheduler/run-function.ts";

export interface CodeShipperOptions {
  /** What the driver itself was imported from, with `muster run`. */
  readonly unit?: BundleUnit | undefined;
  /** Where the flow is defined: its module is bundled before the first task asks for it. */
  readonly flowSite?: CallSite | undefined;
}

/**
 * Finds for each function of a run the code that workers load: the bundle that the driver runs from, a bundle of the
 * module that defines the task, or, for a function that no module defines at its top level, its source.
 */
export class CodeShipper {
  readonly #bundles: Promise<BundleUnit>[] = [];

  constructor(options: CodeShipperOptions) {
    if (options.unit !== undefined) this.#bundles.push(Promise.resolve(options.unit));
    else if (options.flowSite !== undefined) this.#bundle(rootOf(options.flowSite));
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
    for (const bundling of this.#bundles) {
      // The flow's own module may not be to be had on a worker, while this task's is.
      const unit = await bundling.catch(() => undefined);
      if (unit?.inputs.has(root)) return unit;
    }
    return this.#bundle(root);
  }

  #bundle(root: string): Promise<BundleUnit> {
    const bundling = bundle({ roots: [root], resolveFrom: projectDirectory(root) });
    bundling.catch(() => {});
    this.#bundles.push(bundling);
    return bundling;
  }
}

/** The module to import, so that what is defined there is defined. */
function rootOf(site: CallSite): string {
  return site.module ?? site.file;
}
