import { generateKeyPairSync, randomBytes, sign } from "node:crypto";

/** PEM, both. */
export interface Identity {
  readonly key: string;
  readonly certificate: string;
}

/**
 * Makes the identity of one run's hub: a fresh key, and a certificate that it signed itself. Workers trust this one
 * certificate and no other, so neither its name nor its dates say anything: they are the same in each.
 *
 * Node makes keys and signatures but no certificates. The libraries that do bring some twenty packages and 80 ms of
 * loading, for the few fields below, which never vary.
 */
export function createIdentity(): Identity {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  // A serial number is positive: its first bit is 0.
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = sequence(
    tagged(0xa0, tagged(INTEGER, Buffer.from([2]))),
    tagged(INTEGER, serial),
    ECDSA_WITH_SHA256,
    NAME,
    VALIDITY,
    NAME,
    publicKey.export({ type: "spki", format: "der" }),
  );
  const signature = sign("sha256", toBeSigned, privateKey);
  const whole = sequence(
    toBeSigned,
    ECDSA_WITH_SHA256,
    tagged(BIT_STRING, Buffer.concat([Buffer.from([0]), signature])),
  );
  return {
    key: privateKey.export({ type: "pkcs8", format: "pem" }) as string,
    certificate: pem("CERTIFICATE", whole),
  };
}

/* The parts of DER, the encoding of certificates (ITU-T X.690), and of X.509 (RFC 5280) that are needed here. */

const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(tagged(OBJECT_ID, Buffer.from("2a8648ce3d040302", "hex")));
/** 2.5.4.3, the common name */
const COMMON_NAME = tagged(OBJECT_ID, Buffer.from("550403", "hex"));
const NAME = sequence(tagged(SET, sequence(COMMON_NAME, tagged(UTF8_STRING, Buffer.from("Muster hub")))));
/** Wide enough for any machine whose clock is wrong. The key lives as long as the run. */
const VALIDITY = sequence(
  tagged(UTC_TIME, Buffer.from("000101000000Z")),
  tagged(UTC_TIME, Buffer.from("491231235959Z")),
);

function sequence(...parts: readonly Uint8Array[]): Buffer {
  return tagged(SEQUENCE, Buffer.concat(parts));
}

function tagged(tag: number, body: Uint8Array): Buffer {
  const { length } = body;
  const lengthBytes =
    length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from([tag, ...lengthBytes]), body]);
}

function pem(label: string, der: Buffer): string {
  const lines = der.toString("base64").match(/.{1,64}/g)!;
  return [`-----BEGIN ${label}-----`, ...lines, `-----END ${label}-----`, ""].join("\n");
}
