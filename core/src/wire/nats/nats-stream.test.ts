import { expect, test } from "vitest";
import { NatsStream, type NatsStreamOptions } from "./nats-stream.ts";

/** A network between two streams that loses what a test wants, and may be cut. */
class Network {
  isUp = true;
  delivered = 0;
  /** Of each message, as a number between 0 and 1, how likely it is lost. */
  loss = 0;
  #seed = 7;
  readonly near: NatsStream;
  readonly far: NatsStream;

  constructor(facts: Partial<NatsStreamOptions> = {}) {
    const plain = {
      isConnected: () => this.isUp,
      maxMessageBytes: () => 4096,
      windowBytes: () => 16_384,
      closed: () => {},
    };
    this.near = new NatsStream({
      ...plain,
      ...facts,
      opens: true,
      publish: (m) => this.#carry(m, () => this.far),
    });
    this.far = new NatsStream({
      ...plain,
      ...facts,
      opens: false,
      publish: (m) => this.#carry(m, () => this.near),
    });
  }

  #carry(message: Uint8Array, to: () => NatsStream): void {
    const copy = Uint8Array.from(message);
    setImmediate(() => {
      if (!this.isUp || this.#random() < this.loss) return;
      this.delivered++;
      to().receive(copy);
    });
  }

  #random(): number {
    this.#seed = (this.#seed * 1_103_515_245 + 12_345) % 2 ** 31;
    return this.#seed / 2 ** 31;
  }

  tick(): void {
    this.near.tick();
    this.far.tick();
  }

  cut(): void {
    this.isUp = false;
  }

  mend(): void {
    this.isUp = true;
    this.near.reconnected();
    this.far.reconnected();
  }
}

const sample = (bytes: number): Buffer =>
  Buffer.from(Uint8Array.from({ length: bytes }, (_, n) => (n * 31) % 251));

function readAll(stream: NatsStream): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on("data", (chunk: Buffer) => chunks.push(chunk));
  return new Promise((resolve) => stream.once("end", () => resolve(Buffer.concat(chunks))));
}

const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

async function ticking<T>(network: Network, promise: Promise<T>): Promise<T> {
  let isOver = false;
  void promise.finally(() => {
    isOver = true;
  });
  while (!isOver) {
    for (let turns = 0; turns < 20 && !isOver; turns++) await turn();
    network.tick();
  }
  return promise;
}

test("what is written arrives, in both directions, and ends when it is ended", async () => {
  const network = new Network();
  const sent = sample(300_000);
  network.near.end(sent);
  network.far.end("short");
  const [there, back] = await ticking(network, Promise.all([readAll(network.far), readAll(network.near)]));
  expect(there.equals(sent)).toBe(true);
  expect(back.toString()).toBe("short");
});

for (const loss of [0.05, 0.3, 0.6]) {
  test(`of messages ${loss * 100} % are lost, and nothing of what was written is, nor comes twice`, async () => {
    const network = new Network();
    network.loss = loss;
    const sent = sample(200_000);
    network.near.end(sent);
    network.far.end(sent);
    const all = await ticking(network, Promise.all([readAll(network.far), readAll(network.near)]));
    expect(all.map((each) => each.equals(sent))).toEqual([true, true]);
  });
}

test("what was under way when the connection went is sent again when it is back", async () => {
  const network = new Network();
  const reading = readAll(network.far);
  network.near.write("before ");
  await turn();
  network.near.write("lost ");
  network.cut();
  await turn();
  network.near.write("meanwhile ");
  await turn();
  network.mend();
  network.near.end("after");
  network.far.end();
  network.near.resume();
  expect((await ticking(network, reading)).toString()).toBe("before lost meanwhile after");
});

test("to a side that does not read no more is sent than it takes", async () => {
  const network = new Network();
  network.near.write(sample(1_000_000));
  for (let turns = 0; turns < 2000; turns++) await turn();
  network.tick();
  for (let turns = 0; turns < 2000; turns++) await turn();
  expect(network.far.readableLength).toBeLessThanOrEqual(65_536);
  const before = network.far.readableLength;
  network.far.on("data", () => {});
  const drained = new Promise<void>((resolve) => network.near.end(resolve));
  network.far.end();
  network.near.resume();
  await ticking(network, drained);
  expect(before).toBeGreaterThan(0);
});

test("a stream that is destroyed closes the other side's as well", async () => {
  const network = new Network();
  const closed = new Promise<void>((resolve) => network.far.once("close", () => resolve()));
  await turn();
  network.near.destroy();
  await closed;
});

test("numbers go round at 32 bits", async () => {
  const network = new Network({ maxMessageBytes: () => 64 });
  const sent = sample(100_000);
  network.near.end(sent);
  network.far.end();
  network.near.resume();
  expect((await ticking(network, readAll(network.far))).equals(sent)).toBe(true);
});
