import type { Duplex } from "node:stream";
import { MusterError } from "../../base/errors.ts";
import { Channel, type ChannelListener } from "../../wire/channel.ts";
import { unpackMessage } from "../../wire/message.ts";
import { FrameType, type HelloMessage, type LaneMessage } from "../../wire/protocol.ts";
import { checkHello, checkLane } from "./check-messages.ts";

/** Whoever takes a connection, by what its first frame says. Both throw when there is no place for it. */
export interface Receptionist {
  worker(channel: Channel, hello: HelloMessage): ChannelListener;
  lane(channel: Channel, message: LaneMessage): ChannelListener;
}

/** Reads the first frame of a connection, and hands the rest to whoever takes it. */
export function greet(
  stream: Duplex,
  receptionist: Receptionist,
  closed: (channel: Channel) => void,
): Channel {
  let taken: ChannelListener | undefined;
  const channel: Channel = new Channel(stream, {
    frame: (type, body) => {
      if (taken !== undefined) taken.frame(type, body);
      else if (type === FrameType.hello)
        taken = receptionist.worker(channel, checkHello(unpackMessage(body)));
      else if (type === FrameType.lane) taken = receptionist.lane(channel, checkLane(unpackMessage(body)));
      else throw new MusterError("PROTOCOL", "A worker spoke before it said its name.");
    },
    closed: (error) => {
      closed(channel);
      taken?.closed(error);
    },
  });
  return channel;
}
