/** A value of up to this many bytes rides in the message; a larger one goes to the blob store first. */
export const INLINE_LIMIT_BYTES = 64 * 1024;

/** In this file of its blob directory an engine writes what proves that a worker sees the same directory. */
export const PROOF_FILE = "proof";

/**
 * A silent connection is probed so often, in milliseconds: what lies between must not forget one whose task takes long,
 * and one whose other end is gone is found to be.
 */
export const KEEP_ALIVE_MS = 15_000;
