import type { LogEvent } from "../events/event.ts";
import type { DefineMessage, RunMessage } from "../wire/protocol.ts";

/** Where a worker's large values are. */
export interface BlobPlace {
  /** The engine's own, or a cache of this worker's. */
  readonly directory: string;
  /** It is the engine's: what is there, the engine has. */
  readonly isShared: boolean;
}

/** What a task thread is started with. */
export interface ThreadData {
  readonly lane: number;
  readonly slots: SharedArrayBuffer;
  readonly concurrency: number;
  readonly workerId: string;
  /** Makes the names of this thread's blobs unlike every other's. */
  readonly blobPrefix: string;
  /** What the run has sent so far, for a thread that takes the place of one that ended. */
  readonly run: RunMessage | undefined;
  readonly blobs: BlobPlace | undefined;
  readonly codes: readonly ThreadCode[];
  readonly defines: readonly DefineMessage[];
}

/** A bundle is on disk; an inline function is its source. */
export type ThreadCode =
  | { readonly kind: "bundle"; readonly id: string; readonly path: string }
  | { readonly kind: "inline"; readonly id: string; readonly source: string };

export type ToThread =
  | { readonly type: "tasks"; readonly body: ArrayBuffer; readonly slots: Uint32Array<ArrayBuffer> }
  | { readonly type: "run"; readonly run: RunMessage; readonly blobs: BlobPlace }
  | { readonly type: "code"; readonly code: ThreadCode }
  | { readonly type: "define"; readonly define: DefineMessage }
  | { readonly type: "abort"; readonly slot: number; readonly reason: "cancelled" | "timeout" }
  /** Answer: what was printed before has then arrived. */
  | { readonly type: "flush" }
  | { readonly type: "blob"; readonly id: string; readonly error: string | undefined };

export type FromThread =
  | { readonly type: "ready" }
  | { readonly type: "flushed" }
  /** Something was printed: to standard output, 1, or standard error, 2. */
  | { readonly type: "print"; readonly stream: 1 | 2; readonly bytes: Uint8Array<ArrayBuffer> }
  | { readonly type: "reports"; readonly body: ArrayBuffer }
  | { readonly type: "log"; readonly event: LogEvent }
  /** The thread wants this blob in its directory. */
  | { readonly type: "blobGet"; readonly id: string }
  /** The thread wrote this blob to its directory; an answer says when the engine has it. */
  | { readonly type: "blobPut"; readonly id: string; readonly byteLength: number };
