import type { Msg, NatsConnection, Subscription } from "@nats-io/transport-node";
import { type Clock, systemClock, type Timer } from "../../base/clock.ts";
import { NatsStream } from "./nats-stream.ts";
import { packSegment, readSegment, SegmentFlag } from "./segment.ts";

export interface NatsStreamsOptions {
  /** Streams can be dialled before it is there. When it cannot be made, they close with its error. */
  readonly connection: NatsConnection | Promise<NatsConnection>;
  /** What all subjects of the run begin with. */
  readonly subject: string;
  readonly clock?: Clock;
}

/** How often streams look for what is overdue, in milliseconds. */
const TICK_MS = 250;
/** On their way to this side there may be so many bytes of all its streams, and of one of them, no more than so many. */
const ALL_WINDOWS_BYTES = 8 * 1024 * 1024;
const WINDOW_BYTES = 512 * 1024;
const LEAST_WINDOW_BYTES = 16 * 1024;
/** What every server lets pass, before it is known how much this one does. */
const LEAST_MESSAGE_BYTES = 4096;
/** Streams that have ended and are remembered: what comes for them late opens no others. */
const MAX_REMEMBERED = 4096;

/** Streams of bytes over one connection to NATS, all of the same run. Those of a worker are dialled, by it. */
abstract class NatsStreams {
  protected readonly streams = new Map<string, NatsStream>();
  readonly #clock: Clock;
  readonly #listensAt: string;
  #connection: NatsConnection | undefined;
  #subscription: Subscription | undefined;
  #isConnected = false;
  #isClosed = false;
  #tick: Timer | undefined;

  constructor({ connection, clock = systemClock }: NatsStreamsOptions, listensAt: string) {
    this.#clock = clock;
    this.#listensAt = listensAt;
    if (connection instanceof Promise) {
      connection.then(
        (made) => this.#connected(made),
        (error: Error) => this.#fail(error),
      );
    } else this.#connected(connection);
    this.#scheduleTick();
  }

  /** Whether the server is reached now. While it is not, nothing can be heard from anybody. */
  get isConnected(): boolean {
    return this.#isConnected;
  }

  /** Ends all streams at once, and hears no more. */
  close(): void {
    this.#isClosed = true;
    this.#tick?.cancel();
    for (const stream of this.streams.values()) stream.destroy();
    this.#subscription?.unsubscribe();
  }

  /** A message came for a stream that is not there. */
  protected abstract strange(id: string, message: Uint8Array): void;

  protected add(id: string, subject: string, opens: boolean): NatsStream {
    const stream = new NatsStream({
      opens,
      publish: (message) => this.publish(subject, message),
      isConnected: () => this.#isConnected,
      maxMessageBytes: () => this.#connection?.info?.max_payload ?? LEAST_MESSAGE_BYTES,
      windowBytes: () => this.#windowBytes(),
      closed: () => {
        this.streams.delete(id);
        this.forgot(id);
      },
    });
    this.streams.set(id, stream);
    return stream;
  }

  protected publish(subject: string, message: Uint8Array): void {
    if (this.#connection?.isClosed() === false) this.#connection.publish(subject, message);
  }

  /** A stream is no more. */
  protected forgot(_id: string): void {}

  #received({ subject, data }: Msg): void {
    const id = subject.split(".").slice(-2).join(".");
    const stream = this.streams.get(id);
    try {
      if (stream === undefined) this.strange(id, data);
      else stream.receive(data);
    } catch (error) {
      // Whoever may publish here may publish nonsense: it costs the stream that it names, and nobody else anything.
      stream?.destroy(error as Error);
    }
  }

  #windowBytes(): number {
    const share = ALL_WINDOWS_BYTES / Math.max(this.streams.size, 1);
    return Math.max(LEAST_WINDOW_BYTES, Math.min(WINDOW_BYTES, Math.floor(share)));
  }

  #connected(connection: NatsConnection): void {
    if (this.#isClosed) return;
    this.#connection = connection;
    this.#subscription = connection.subscribe(this.#listensAt, {
      callback: (error, message) => {
        if (error === null) this.#received(message);
      },
    });
    this.#reached();
    void this.#watch(connection);
  }

  #reached(): void {
    this.#isConnected = true;
    for (const stream of this.streams.values()) stream.reconnected();
  }

  async #watch(connection: NatsConnection): Promise<void> {
    for await (const { type } of connection.status()) {
      if (type === "disconnect") this.#isConnected = false;
      else if (type === "reconnect" && !this.#isClosed) this.#reached();
    }
    this.#fail((await connection.closed()) ?? undefined);
  }

  /** The connection is no more, and comes back no more. */
  #fail(error: Error | undefined): void {
    this.#isConnected = false;
    if (this.#isClosed) return;
    for (const stream of this.streams.values()) stream.destroy(error);
  }

  #scheduleTick(): void {
    const tick = (): void => {
      for (const stream of this.streams.values()) stream.tick();
      this.#scheduleTick();
    };
    this.#tick = this.#clock.after(TICK_MS, tick, { keepAlive: false });
  }
}

/** The driver's side: takes the streams that workers dial. */
export class NatsListener extends NatsStreams {
  readonly #subject: string;
  readonly #taken: (stream: NatsStream) => void;
  readonly #ended = new Set<string>();

  constructor(options: NatsStreamsOptions, taken: (stream: NatsStream) => void) {
    super(options, `${options.subject}.d.*.*`);
    this.#subject = options.subject;
    this.#taken = taken;
  }

  protected override strange(id: string, message: Uint8Array): void {
    const { flags } = readSegment(message);
    const answersAt = `${this.#subject}.w.${id}`;
    if (flags & SegmentFlag.opens && !this.#ended.has(id)) {
      const stream = this.add(id, answersAt, false);
      stream.receive(message);
      this.#taken(stream);
    } else if (!(flags & SegmentFlag.resets)) this.publish(answersAt, RESET);
  }

  protected override forgot(id: string): void {
    this.#ended.add(id);
    if (this.#ended.size <= MAX_REMEMBERED) return;
    const [oldest] = this.#ended;
    this.#ended.delete(oldest!);
  }
}

/** A worker's side. */
export class NatsDialer extends NatsStreams {
  readonly #subject: string;
  readonly #name: string;
  #dialled = 0;

  /** @param options.name tells this process from all others of the run: letters, digits and hyphens */
  constructor(options: NatsStreamsOptions & { readonly name: string }) {
    super(options, `${options.subject}.w.${options.name}.*`);
    this.#subject = options.subject;
    this.#name = options.name;
  }

  dial(): NatsStream {
    const id = `${this.#name}.${++this.#dialled}`;
    return this.add(id, `${this.#subject}.d.${id}`, true);
  }

  protected override strange(id: string, message: Uint8Array): void {
    if (readSegment(message).flags & SegmentFlag.resets) return;
    this.publish(`${this.#subject}.d.${id}`, RESET);
  }
}

const RESET = packSegment({ flags: SegmentFlag.resets, number: 0, expects: 0, credit: 0 });
