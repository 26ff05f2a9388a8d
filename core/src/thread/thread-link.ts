import { Channel } from "../wire/channel.ts";
import { dial } from "../wire/dial.ts";
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
  const frame = (type: number, body: Uint8Array): void => {
    if (type === FrameType.tasks) listener.tasks(body);
  };
  if (link.kind === "port") {
    const port = new PortLink(link.port, frame);
    listener.opened();
    return port;
  }
  if (link.kind === "relay") {
    const relay = new RelayLink(link.port, frame, () => listener.closed("its worker lost the engine"));
    listener.opened();
    return relay;
  }
  const socket = dial(link.target, () => listener.opened());
  const channel = new Channel(socket, {
    frame,
    closed: (error) =>
      listener.closed(
        `its connection to the engine closed${error === undefined ? "" : `: ${error.message}`}`,
      ),
  });
  channel.send(FrameType.lane, packMessage(listener.hello));
  return channel;
}
