import { type MessagePort, receiveMessageOnPort } from "node:worker_threads";

/** Something that carries frames: a `Channel` over a stream, or a `PortLink` between two threads. */
export interface FrameLink {
  /** Goes nowhere once the link has ended. */
  send(type: number, ...body: Uint8Array[]): void;
  /** What was sent leaves now, though this turn of the event loop may take long. */
  flush(): void;
  /** Whether all that was flushed has left. */
  readonly isClear: boolean;
  /** Resolves when what was sent has left, or the link is closed. */
  drained(): Promise<void>;
  /** Sends what is left, then closes. */
  end(): void;
}

interface FrameMessage {
  readonly type: number;
  readonly body: Uint8Array<ArrayBuffer>;
}

/** Frames between two threads of one process: nothing is copied but what must move to the other one. */
export class PortLink implements FrameLink {
  readonly #port: MessagePort;
  readonly #onFrame: (type: number, body: Uint8Array) => void;
  readonly isClear = true;

  constructor(port: MessagePort, onFrame: (type: number, body: Uint8Array) => void) {
    this.#port = port;
    this.#onFrame = onFrame;
    port.on("message", ({ type, body }: FrameMessage) => onFrame(type, body));
  }

  send(type: number, ...parts: Uint8Array[]): void {
    const body = own(parts);
    this.#port.postMessage({ type, body } satisfies FrameMessage, [body.buffer]);
  }

  flush(): void {}

  async drained(): Promise<void> {}

  /** Takes in what has already come, then closes. */
  end(): void {
    for (;;) {
      const received = receiveMessageOnPort(this.#port) as { message: FrameMessage } | undefined;
      if (received === undefined) break;
      this.#onFrame(received.message.type, received.message.body);
    }
    this.#port.close();
  }
}

/** The parts as one, in a buffer of its own: what moves to another thread takes its whole buffer along. */
function own(parts: readonly Uint8Array[]): Uint8Array<ArrayBuffer> {
  const whole = new Uint8Array(parts.reduce((bytes, part) => bytes + part.byteLength, 0));
  let at = 0;
  for (const part of parts) {
    whole.set(part, at);
    at += part.byteLength;
  }
  return whole;
}
