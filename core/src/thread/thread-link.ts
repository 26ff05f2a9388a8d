import type { MessagePort } from "node:worker_threads";
import { Channel } from "../wire/channel.ts";
import { type DialTarget, dial } from "../wire/dial.ts";
import { type FrameLink, PortLink, RelayLink } from "../wire/frame-link.ts";
import { packMessage } from "../wire/message.ts";
import { FrameType, type LaneMessage } from "../wire/protocol.ts";
import type { ThreadLink } from "./thread-messages.ts";

export interface ThreadLinkListener {
  readonly hello: LaneMessage;
  opened(): void;
  /** The body of a tasks frame. */
  tasks(body: Uint8Array): void;
  /** It cannot be opened, or is no more. */
  closed(reason: string): void;
}

/** A task thread's own way to the engine: its lane. */
export function openThreadLink(link: ThreadLink, listener: ThreadLinkListener): FrameLink {
  const frame: OnFrame = (type, body) => {
    if (type === FrameType.tasks) listener.tasks(body);
  };
  if (link.kind === "port") {
    const port = new PortLink(link.port, frame);
    listener.opened();
    return port;
  }
  const own =
    link.kind === "relay" ? relayed(link.port, frame, listener) : dialled(link.target, frame, listener);
  own.send(FrameType.lane, packMessage(listener.hello));
  return own;
}

type OnFrame = (type: number, body: Uint8Array) => void;

function relayed(port: MessagePort, frame: OnFrame, listener: ThreadLinkListener): FrameLink {
  const relay = new RelayLink(port, frame, () => listener.closed("its worker lost the engine"));
  listener.opened();
  return relay;
}

function dialled(target: DialTarget, frame: OnFrame, listener: ThreadLinkListener): FrameLink {
  const socket = dial(target, () => listener.opened());
  return new Channel(socket, {
    frame,
    closed: (error) =>
      listener.closed(
        `its connection to the engine closed${error === undefined ? "" : `: ${error.message}`}`,
      ),
  });
}
