import { JetStreamApiError, StorageType } from "@nats-io/jetstream";
import { type KV, type Bucket as KvBucket, Kvm } from "@nats-io/kv";
import type { NatsConnection } from "@nats-io/transport-node";

/** A bucket whose keys go by themselves. */
export interface Bucket {
  readonly kv: KV;
  /** After so many milliseconds without being put again. */
  readonly ttlMs: number;
}

/** "There is a stream of that name with other settings." */
const OTHER_SETTINGS = 10_058;

/** Opens the bucket; where there is none, makes one. One that somebody made with another time to live keeps it. */
export async function openBucket(connection: NatsConnection, name: string, ttlMs: number): Promise<Bucket> {
  const manager = new Kvm(connection);
  const options = { ttl: ttlMs, history: 1, storage: StorageType.File };
  const kv = await manager.create(name, options).catch((error: unknown) => {
    if (error instanceof JetStreamApiError && error.code === OTHER_SETTINGS) return manager.open(name);
    throw error;
  });
  const { ttl } = await kv.status();
  return { kv, ttlMs: ttl > 0 ? ttl : ttlMs };
}

/** Removes a key, so that nothing of it stays: what the client of NATS would do leaves a mark. */
export async function removeKey({ kv }: Bucket, key: string): Promise<void> {
  const { jsm, stream, bucket } = kv as KvBucket;
  await jsm.streams.purge(stream, { filter: `$KV.${bucket}.${key}` });
}

/** The values of all keys that fit, by key. */
export async function readAll<T>(
  { kv }: Bucket,
  filter: string,
  read: (data: Uint8Array) => T | undefined,
): Promise<Map<string, T>> {
  const found = new Map<string, T>();
  const keys: string[] = [];
  for await (const key of await kv.keys(filter)) keys.push(key);
  for (const key of keys) {
    const entry = await kv.get(key);
    const value = entry === null || entry.operation !== "PUT" ? undefined : read(entry.value);
    if (value !== undefined) found.set(key, value);
  }
  return found;
}
