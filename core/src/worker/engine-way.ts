import type { BlobPlace, ThreadLink } from "../thread/thread-messages.ts";
import type { BlobPiece } from "../wire/blob-transfer.ts";
import type { Channel, ChannelListener } from "../wire/channel.ts";
import type { WelcomeMessage } from "../wire/protocol.ts";
import type { DriverPulse } from "./driver-pulse.ts";

/** How a worker reaches its engine. */
export interface EngineWay {
  /** How to tell whether a silent driver lives. Undefined where the address does not say: only the connection counts. */
  readonly pulse: DriverPulse | undefined;
  /** The engine's directory, where the address says so: a driver that was killed cannot remove it. */
  readonly engineDirectory: string | undefined;
  /** Opens the worker's own connection to the engine. Called once. */
  connect(listener: ChannelListener): Channel;
  /** How the thread of this lane reaches the engine. */
  threadLink(lane: number): ThreadLink;
  /** The thread of this lane has ended: what it said last goes on its way, and the lane closes. */
  laneEnded(lane: number): void;
  /** The large values of the run that the engine has welcomed this worker to. */
  openBlobs(channel: Channel, offer: WelcomeMessage["blobs"]): BlobKeeper;
  /** Nothing more is sent. */
  close(): Promise<void>;
}

/** Keeps the large values that a worker makes and needs. */
export interface BlobKeeper extends BlobPlace {
  /** Brings a blob into the directory. */
  fetch(id: string): Promise<void>;
  /** Gives a blob from the directory to the engine. */
  store(id: string): Promise<void>;
  /** A piece of what was fetched. */
  received(piece: BlobPiece): Promise<void>;
  /** The engine has it. */
  stored(id: string): void;
  forget(ids: readonly string[]): Promise<void>;
  /** Removes what this worker kept; what it shares with its engine, only when that is gone. Does not wait. */
  close(options: { readonly engineGone: boolean }): void;
}
