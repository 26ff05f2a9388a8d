import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { duplexPair } from "node:stream";
import { expect, test } from "vitest";
import { type BlobPiece, BlobReceiver, BlobSender } from "./blob-transfer.ts";
import { Channel } from "./channel.ts";
import { packMessage, unpackMessage } from "./message.ts";

const TYPE = 16;

/** Two directories with a link between them, which takes blobs from the first to the second. */
class Link implements Disposable {
  readonly from = mkdtempSync(join(tmpdir(), "muster-from-"));
  readonly to = mkdtempSync(join(tmpdir(), "muster-to-"));
  readonly sender: BlobSender;
  readonly receiver: BlobReceiver;
  readonly #outcomes = new Map<string, PromiseWithResolvers<void>>();
  readonly #channels: readonly Channel[];

  constructor() {
    const [here, there] = duplexPair();
    const out = new Channel(here, { frame: () => {}, closed: () => {} });
    const into: Channel = new Channel(there, {
      frame: (_type, body) => void this.take(unpackMessage<BlobPiece>(body)),
      closed: () => {},
    });
    this.#channels = [out, into];
    this.sender = new BlobSender(out, TYPE);
    this.receiver = new BlobReceiver(into, (id) => join(this.to, id));
  }

  async take(piece: BlobPiece): Promise<void> {
    try {
      if (await this.receiver.receive(piece)) this.#outcome(piece.id).resolve();
    } catch (error) {
      this.#outcome(piece.id).reject(error);
    }
  }

  /** Sends a file; settles when it is there whole. */
  send(id: string): Promise<void> {
    this.sender.send({ id, path: join(this.from, id) });
    return this.#outcome(id).promise;
  }

  [Symbol.dispose](): void {
    for (const channel of this.#channels) channel.destroy();
    for (const directory of [this.from, this.to]) rmSync(directory, { recursive: true });
  }

  #outcome(id: string): PromiseWithResolvers<void> {
    const outcome = this.#outcomes.get(id) ?? Promise.withResolvers<void>();
    this.#outcomes.set(id, outcome);
    return outcome;
  }
}

test("blobs of any size arrive whole, and in between nothing has their name", async () => {
  using link = new Link();
  const sizes = [1, 1000, 70_000, 1024 * 1024, 5 * 1024 * 1024 + 3];
  const contents = sizes.map((size, index) => Buffer.alloc(size, `${index} and so on `));
  contents.forEach((content, index) => void writeFileSync(join(link.from, `w-1-${index}`), content));
  await Promise.all(contents.map((_, index) => link.send(`w-1-${index}`)));
  contents.forEach(
    (content, index) => void expect(readFileSync(join(link.to, `w-1-${index}`)).equals(content)).toBe(true),
  );
  expect(readdirSync(link.to)).toHaveLength(sizes.length);
});

test("one that cannot be sent fails with the reason, and those behind it come", async () => {
  using link = new Link();
  writeFileSync(join(link.from, "w-1-2"), "here");
  const missing = link.send("w-1-1");
  const there = link.send("w-1-2");
  await expect(missing).rejects.toThrow("The blob w-1-1 could not be sent: Error: ENOENT");
  await there;
  expect(readdirSync(link.to)).toEqual(["w-1-2"]);
});

test.each<[string, Partial<BlobPiece>]>([
  ["leads out of the directory", { id: "../escape" }],
  ["is not the first", { offset: 10 }],
  ["has no bytes", { data: "text" as never }],
  ["lies nowhere", { offset: Number.NaN }],
])("a piece that %s is refused, and leaves nothing", async (_what, wrong) => {
  using link = new Link();
  const piece = { id: "w-1-1", offset: 0, total: 100, data: new Uint8Array(10), ...wrong };
  await expect(link.receiver.receive(unpackMessage(packMessage(piece)))).rejects.toMatchObject({
    code: "PROTOCOL",
  });
  await link.receiver.close();
  expect(readdirSync(link.to)).toEqual([]);
});
