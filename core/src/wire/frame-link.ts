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
    post(this.#port, type, parts);
  }

  flush(): void {}

  async drained(): Promise<void> {}

  /** Takes in what has already come, then closes. */
  end(): void {
    closePort(this.#port, ({ type, body }) => this.#onFrame(type, body));
  }
}

/** What a relay's main thread says: a frame, or how many frames have left it. */
type RelayMessage = FrameMessage | { readonly left: number };

/**
 * Frames that another thread of this process carries on, and tells of when they have left: this one may be about to run
 * what ends the process.
 */
export class RelayLink implements FrameLink {
  readonly #port: MessagePort;
  #sent = 0;
  #left = 0;
  #drained: PromiseWithResolvers<void> | undefined;

  constructor(port: MessagePort, onFrame: (type: number, body: Uint8Array) => void, closed: () => void) {
    this.#port = port;
    port.on("message", (message: RelayMessage) => {
      if ("left" in message) this.#heardLeft(message.left);
      else onFrame(message.type, message.body);
    });
    port.on("close", () => {
      this.#drained?.resolve();
      closed();
    });
  }

  get isClear(): boolean {
    return this.#left === this.#sent;
  }

  send(type: number, ...parts: Uint8Array[]): void {
    this.#sent++;
    post(this.#port, type, parts);
  }

  flush(): void {}

  drained(): Promise<void> {
    if (this.isClear) return Promise.resolve();
    this.#drained ??= Promise.withResolvers<void>();
    return this.#drained.promise;
  }

  end(): void {
    this.#port.close();
  }

  #heardLeft(left: number): void {
    this.#left = left;
    if (!this.isClear) return;
    this.#drained?.resolve();
    this.#drained = undefined;
  }
}

/**
 * The other end of a `RelayLink`: carries its frames on over another link, and those from there back. That one is opened
 * with the first frame: before it, nobody is there.
 */
export class Relay {
  readonly #port: MessagePort;
  readonly #open: () => FrameLink;
  #to: FrameLink | undefined;
  #carried = 0;
  #isTelling = false;

  constructor(port: MessagePort, open: () => FrameLink) {
    this.#port = port;
    this.#open = open;
    port.on("message", (message: FrameMessage) => this.#carry(message));
  }

  /** A frame came from where frames are carried to. */
  back(type: number, body: Uint8Array): void {
    post(this.#port, type, [body]);
  }

  /** Carries on what has already come, then closes. */
  end(): void {
    closePort(this.#port, (message) => this.#carry(message));
    this.#to?.end();
  }

  #carry({ type, body }: FrameMessage): void {
    this.#to ??= this.#open();
    this.#to.send(type, body);
    this.#carried++;
    if (this.#isTelling) return;
    this.#isTelling = true;
    void this.#tellLeft(this.#to);
  }

  async #tellLeft(to: FrameLink): Promise<void> {
    for (let told = 0; told < this.#carried; ) {
      told = this.#carried;
      await to.drained();
      this.#port.postMessage({ left: told } satisfies RelayMessage);
    }
    this.#isTelling = false;
  }
}

function post(port: MessagePort, type: number, parts: readonly Uint8Array[]): void {
  const body = own(parts);
  port.postMessage({ type, body } satisfies FrameMessage, [body.buffer]);
}

/** Takes in what has already come, then closes. */
function closePort(port: MessagePort, take: (message: FrameMessage) => void): void {
  for (;;) {
    const received = receiveMessageOnPort(port) as { message: FrameMessage } | undefined;
    if (received === undefined) break;
    take(received.message);
  }
  port.close();
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
