import { Packr } from "msgpackr";
import { MusterError } from "../base/errors.ts";

const packr = new Packr({
  useRecords: false,
  encodeUndefinedAsNil: false,
  mapsAsObjects: true,
  copyBuffers: true,
});

export function packMessage(message: unknown): Buffer {
  return packr.pack(message);
}

/** @throws MusterError `PROTOCOL` when the bytes are no message */
export function unpackMessage<T>(body: Uint8Array): T {
  try {
    return packr.unpack(body) as T;
  } catch (cause) {
    throw new MusterError("PROTOCOL", "A frame could not be decoded.", { cause });
  }
}
