import { Duplex, PassThrough } from "node:stream";
import { expect, test } from "vitest";
import { Channel, type ChannelListener } from "./channel.ts";
import { FrameReader } from "./frames.ts";

/** A stream whose far side is what a test reads of `written`, one entry a write, and `receive`. */
class Line extends Duplex {
  readonly written: Buffer[] = [];
  readonly #held: (() => void)[] = [];
  hold = false;

  override _read(): void {}

  override _write(chunk: Buffer, _encoding: string, done: () => void): void {
    this.#take([chunk], done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: () => void): void {
    this.#take(
      chunks.map(({ chunk }) => chunk),
      done,
    );
  }

  #take(chunks: Buffer[], done: () => void): void {
    this.written.push(Buffer.concat(chunks));
    if (this.hold) this.#held.push(done);
    else done();
  }

  release(): void {
    this.hold = false;
    for (const done of this.#held.splice(0)) done();
  }

  frames(): { type: number; body: string }[] {
    const frames: { type: number; body: string }[] = [];
    new FrameReader().push(Buffer.concat(this.written), (type, body) =>
      frames.push({ type, body: body.toString() }),
    );
    return frames;
  }
}

const silent: ChannelListener = { frame: () => undefined, closed: () => undefined };
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

test("small frames of one turn leave in one write, in the order in which they were sent", async () => {
  const line = new Line();
  const channel = new Channel(line, silent);
  for (let index = 0; index < 100; index++) channel.send(1, Buffer.from(`frame ${index}`));
  expect(line.written).toHaveLength(0);
  await turn();
  expect(line.written).toHaveLength(1);
  expect(line.frames().map(({ body }) => body)).toEqual(
    Array.from({ length: 100 }, (_, index) => `frame ${index}`),
  );
});

test("a large frame leaves at once, with the small ones before it, and all keep their order", async () => {
  const line = new Line();
  const channel = new Channel(line, silent);
  const bodies = Array.from({ length: 60 }, (_, index) => String(index).repeat(index % 3 === 0 ? 9000 : 3));
  for (const [index, body] of bodies.entries()) channel.send(index, Buffer.from(body), Buffer.from("!"));
  expect(line.written.length).toBeGreaterThan(1);
  await turn();
  expect(line.frames()).toEqual(bodies.map((body, type) => ({ type, body: `${body}!` })));
});

test("what is sent later does not overwrite what a slow stream still holds", async () => {
  const line = new Line();
  line.hold = true;
  const channel = new Channel(line, silent);
  for (const body of ["one", "two", "three"]) {
    channel.send(1, Buffer.from(body));
    await turn();
  }
  expect(channel.isClear).toBe(false);
  line.release();
  await channel.drained();
  expect(line.frames().map(({ body }) => body)).toEqual(["one", "two", "three"]);
});

test("drained waits until what was sent has left, also when the stream never was full", async () => {
  const line = new Line();
  line.hold = true;
  const channel = new Channel(line, silent);
  channel.send(1, Buffer.from("last words"));
  let drained = false;
  const waiting = channel.drained().then(() => {
    drained = true;
  });
  await turn();
  expect(drained).toBe(false);
  line.release();
  await waiting;
  expect(line.frames()).toEqual([{ type: 1, body: "last words" }]);
  await channel.drained();
});

test("end sends what is left, and what is sent after it goes nowhere", async () => {
  const line = new Line();
  const closed = Promise.withResolvers<Error | undefined>();
  const channel = new Channel(line, { ...silent, closed: closed.resolve });
  channel.send(1, Buffer.from("last words"));
  channel.end();
  channel.send(1, Buffer.from("too late"));
  line.push(null);
  await expect(closed.promise).resolves.toBeUndefined();
  expect(channel.isClosed).toBe(true);
  channel.send(1, Buffer.from("far too late"));
  await channel.drained();
  expect(line.frames()).toEqual([{ type: 1, body: "last words" }]);
});

test("frames of the peer come one by one, until the channel is destroyed", async () => {
  const far = new PassThrough();
  const wire = new PassThrough();
  const peer = new Channel(Duplex.from({ readable: far, writable: wire }), silent);
  peer.send(1, Buffer.from("a"));
  peer.send(2, Buffer.from("b"));
  peer.send(3, Buffer.from("c"));
  await peer.drained();

  const line = new Line();
  const seen: number[] = [];
  const closed = Promise.withResolvers<Error | undefined>();
  const channel = new Channel(line, {
    frame: (type) => {
      seen.push(type);
      if (type === 2) channel.destroy();
    },
    closed: closed.resolve,
  });
  line.push(wire.read());
  await expect(closed.promise).resolves.toBeUndefined();
  expect(seen).toEqual([1, 2]);
});

test("a peer that sends nonsense, and a listener that throws, close the channel with the reason", async () => {
  const nonsense = new Line();
  const first = Promise.withResolvers<Error | undefined>();
  new Channel(nonsense, { ...silent, closed: first.resolve });
  nonsense.push(Buffer.alloc(16));
  await expect(first.promise).resolves.toMatchObject({ code: "PROTOCOL" });

  const line = new Line();
  const second = Promise.withResolvers<Error | undefined>();
  const error = new Error("what is this?");
  new Channel(line, {
    frame: () => {
      throw error;
    },
    closed: second.resolve,
  });
  line.push(Buffer.from([1, 0, 0, 0, 9]));
  await expect(second.promise).resolves.toBe(error);
});
