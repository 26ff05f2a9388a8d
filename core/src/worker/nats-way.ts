import { randomBytes } from "node:crypto";
import { MessageChannel } from "node:worker_threads";
import type { NatsConnection } from "@nats-io/transport-node";
import { withDeadline } from "../base/wait.ts";
import type { WorkerSettings } from "../contracts/worker-env.ts";
import type { ThreadLink } from "../thread/thread-messages.ts";
import { Channel, type ChannelListener } from "../wire/channel.ts";
import { Relay } from "../wire/frame-link.ts";
import { BlobBucket } from "../wire/nats/blob-bucket.ts";
import { connectNats } from "../wire/nats/connect-nats.ts";
import { type NatsTarget, resolveNatsOptions } from "../wire/nats/nats-options.ts";
import { NatsPulse } from "../wire/nats/nats-pulse.ts";
import type { NatsStream } from "../wire/nats/nats-stream.ts";
import { NatsDialer } from "../wire/nats/nats-streams.ts";
import { runSubject } from "../wire/nats/subjects.ts";
import { preamble, type WelcomeMessage } from "../wire/protocol.ts";
import type { BlobKeeper, EngineWay } from "./engine-way.ts";
import { NatsBlobs } from "./nats-blobs.ts";

/** What was sent has so long to reach the server before this process ends, in milliseconds. */
const CLOSE_MS = 2000;

/**
 * The way to an engine over NATS: one connection for the whole worker, which its main thread reads, since that one is
 * never busy: a server cuts off whoever does not read. The frames of task threads pass through it.
 */
export class NatsWay implements EngineWay {
  readonly engineDirectory = undefined;
  readonly pulse: NatsPulse;
  readonly #settings: WorkerSettings;
  readonly #connection: Promise<NatsConnection>;
  readonly #dialer: NatsDialer;
  readonly #relays = new Map<number, Relay>();
  readonly #closing = new AbortController();
  #bucket: BlobBucket | undefined;

  /** @throws InvalidOptionError for an address or credentials that make no sense */
  static open(settings: WorkerSettings): NatsWay {
    const { runId, workerId } = settings;
    const name = `muster worker ${workerId} of ${runId}`;
    return new NatsWay(settings, connectNats(NatsWay.target(settings), { name }));
  }

  /** @throws InvalidOptionError for an address or credentials that make no sense */
  static target(settings: Pick<WorkerSettings, "address" | "nats">): NatsTarget {
    return resolveNatsOptions(
      { servers: settings.address },
      { env: settings.nats ?? {}, where: "MUSTER_NATS", addressFrom: "MUSTER_ADDRESS" },
    );
  }

  constructor(settings: WorkerSettings, connection: Promise<NatsConnection>) {
    const { runId, workerId } = settings;
    this.#settings = settings;
    this.#connection = connection;
    const subject = runSubject(runId);
    const name = `${workerId}-${randomBytes(4).toString("hex")}`;
    this.#dialer = new NatsDialer({ connection: this.#connection, subject, name });
    const isOver = async (): Promise<boolean> => (await this.#bucket?.isGone()) ?? false;
    this.pulse = new NatsPulse(this.#connection, { runId, isOver });
    this.#connection.then(
      (connection) => {
        this.#bucket = new BlobBucket(connection, runId, this.#closing.signal);
      },
      () => undefined,
    );
  }

  connect(listener: ChannelListener): Channel {
    return new Channel(this.#dial(), listener);
  }

  threadLink(lane: number): ThreadLink {
    const { port1, port2 } = new MessageChannel();
    const relay: Relay = new Relay(
      port1,
      () =>
        new Channel(this.#dial(), {
          frame: (type, body) => relay.back(type, body),
          closed: () => port1.close(),
        }),
    );
    this.#relays.set(lane, relay);
    return { kind: "relay", port: port2 };
  }

  laneEnded(lane: number): void {
    this.#relays.get(lane)?.end();
    this.#relays.delete(lane);
  }

  openBlobs(channel: Channel, { tag }: WelcomeMessage["blobs"]): BlobKeeper {
    return new NatsBlobs(channel, this.#bucket!, tag);
  }

  async close(): Promise<void> {
    this.#closing.abort();
    const left = this.#connection.then(async (connection) => {
      await connection.flush();
      this.#dialer.close();
      await connection.close();
    });
    await withDeadline(left, "The last words", { timeoutMs: CLOSE_MS }).catch(() => undefined);
  }

  #dial(): NatsStream {
    const stream = this.#dialer.dial();
    stream.write(preamble(this.#settings.token));
    return stream;
  }
}
