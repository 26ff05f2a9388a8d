export { type WriteArtifactOptions, writeArtifact } from "./artifact-store.ts";
export { type BundleOptions, bundle } from "./bundle.ts";
export { callSite, showSite } from "./call-site.ts";
export type { BundleUnit, CallSite, CodeUnit, InlineUnit } from "./code-unit.ts";
export { driverModules, IMPORT_STOP, MODULES, provideModules } from "./injected.ts";
export { compileInline, inlineFunction } from "./inline.ts";
export {
  type Artifact,
  type BundleImport,
  type ImportBundleOptions,
  importArtifact,
  importBundle,
} from "./loader.ts";
export { findTask, registerTask, type TaskDefinition, tasksNamed } from "./registry.ts";
