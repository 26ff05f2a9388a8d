/** Where in the user's source something is defined. */
export interface CallSite {
  /** Absolute path of the source file. */
  readonly file: string;
  readonly line: number;
  readonly column: number;
  /**
   * Whether the call was made by a function that runs later, not while its module was evaluated: what it
   * defines does not exist where the module is only imported. Unknown counts as `false`.
   */
  readonly nested?: boolean;
  /**
   * The module to import to get what is defined: the one that was evaluated when the call was made, which is
   * another than `file` if a helper made it. Undefined if nested, and in a bundle, where all is imported.
   */
  readonly module?: string;
}

/** Code that a worker loads before it runs a task of it. Content-addressed: the same id is the same code. */
export type CodeUnit = BundleUnit | InlineUnit;

/** A bundle: one ES module that defines tasks by name when its roots are imported. */
export interface BundleUnit {
  readonly kind: "bundle";
  /** SHA-256 of the code, in hex. */
  readonly id: string;
  /** The module's text, UTF-8, with an inline source map. */
  readonly code: Uint8Array;
  /** Absolute paths of the source files that went into it. */
  readonly inputs: ReadonlySet<string>;
  /** Packages that were left out and must be installed where the worker runs. */
  readonly externals: readonly string[];
  /** Modules that were left out and come from the process that imports the bundle: `["@muster/core"]`. */
  readonly injected: readonly string[];
  /** Directory from which externals resolve on this machine: the user's project. */
  readonly resolveFrom: string;
}

/** A function that stands alone, sent as its source. */
export interface InlineUnit {
  readonly kind: "inline";
  /** SHA-256 of the source, in hex. */
  readonly id: string;
  /** An expression that evaluates to the function. */
  readonly source: string;
}
