import type { MessagePort } from "node:worker_threads";
import type { MusterErrorCode } from "../base/errors.ts";
import type { DialTarget } from "../wire/dial.ts";
import type { DefineMessage, RunMessage } from "../wire/protocol.ts";

/** Where a worker's large values are. */
export interface BlobPlace {
  /** The engine's own, or a cache of this worker's. */
  readonly directory: string;
  /** In the names of all blobs of the run, and of no other's. */
  readonly tag: string;
  /** It is the engine's: what is there, the engine has. */
  readonly isShared: boolean;
}

/** How a thread reaches the engine. */
export type ThreadLink =
  | { readonly kind: "dial"; readonly target: DialTarget }
  /** The worker's main thread, which is never busy, carries frames on to the engine. */
  | { readonly kind: "relay"; readonly port: MessagePort }
  /** The engine is in this process. */
  | { readonly kind: "port"; readonly port: MessagePort };

/** What a task thread is started with. User code can read it. */
export interface ThreadData {
  /** Its number, and its lane's: no other thread of this worker ever has the same. */
  readonly lane: number;
  readonly workerId: string;
  /** Tasks that run at once. */
  readonly concurrency: number;
  readonly board: SharedArrayBuffer;
  readonly reports: SharedArrayBuffer;
  readonly prints: SharedArrayBuffer;
}

/** A bundle is on disk; an inline function is its source. */
export type ThreadCode =
  | { readonly kind: "bundle"; readonly id: string; readonly path: string }
  | { readonly kind: "inline"; readonly id: string; readonly source: string };

/** What a worker's main thread tells a task thread. Tasks come from the engine itself. */
export type ToThread =
  /** The first message, and the only one before the thread has said that it is ready: before any code of the user's. */
  | { readonly type: "run"; readonly run: RunMessage; readonly blobs: BlobPlace; readonly link: ThreadLink }
  | { readonly type: "code"; readonly code: ThreadCode }
  | { readonly type: "define"; readonly define: DefineMessage }
  /** The attempt at this place of the board has been told to end. */
  | { readonly type: "abort"; readonly place: number }
  /** Nothing more will begin. Answer: when what runs has ended, and the engine has been told. */
  | { readonly type: "leave" }
  | { readonly type: "blob"; readonly id: string; readonly error: BlobFailure | undefined };

/** Why a blob could not be brought or kept. */
export interface BlobFailure {
  readonly code: MusterErrorCode;
  readonly message: string;
}

export type FromThread =
  /** The engine is reached. */
  | { readonly type: "ready" }
  /** The link to the engine has closed: this thread is of no use any more. */
  | { readonly type: "disconnected"; readonly reason: string }
  /** Tasks begin, and nobody watches. */
  | { readonly type: "watch" }
  | { readonly type: "left" }
  /** Something was printed: to standard output, 1, or standard error, 2. */
  | { readonly type: "print"; readonly stream: 1 | 2; readonly bytes: Uint8Array<ArrayBuffer> }
  /** The thread wants this blob in its directory. */
  | { readonly type: "blobGet"; readonly id: string }
  /** The thread wrote this blob to its directory; an answer says when the engine has it. */
  | { readonly type: "blobPut"; readonly id: string };

export type BlobMessage = Extract<FromThread, { type: "blobGet" | "blobPut" }>;
