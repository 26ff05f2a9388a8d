import type { BundleUnit } from "../contracts/code-unit.ts";
import { writeArtifact } from "./artifact-store.ts";
import { bundle } from "./bundle.ts";
import { driverModules, provideModules } from "./injected.ts";
import { importArtifact } from "./loader.ts";
import { projectDirectory } from "./project-directory.ts";

export interface FlowFile {
  /** What the file exports. */
  readonly namespace: Readonly<Record<string, unknown>>;
  /** The bundle that it was imported from, for the workers to import as well. */
  readonly unit: BundleUnit;
}

/**
 * Imports a user's file, TypeScript or not, on the driver: as a bundle, the same that workers get.
 *
 * @param file absolute path
 * @throws MusterError `CODE` if something does not resolve or parse; whatever the file's own code throws
 */
export async function loadFlowFile(file: string): Promise<FlowFile> {
  const unit = await bundle({ roots: [file], resolveFrom: projectDirectory(file) });
  provideModules(await driverModules(unit));
  const { roots } = await importArtifact(await writeArtifact(unit));
  return { namespace: await roots[0]!(), unit };
}
