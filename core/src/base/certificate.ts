import { generateKeyPairSync, randomBytes, sign, X509Certificate } from "node:crypto";
import { isIPv4 } from "node:net";

/** PEM, both. */
export interface Identity {
  readonly key: string;
  readonly certificate: string;
}

export interface IdentityOptions {
  /** The common name: what it is, for people. @default "Muster hub" */
  readonly name?: string;
  /** Names and addresses of IPv4 that it stands for, where clients look at them. @default none */
  readonly hosts?: readonly string[];
  /** Who signs it; two that differ have different names. @default itself */
  readonly issuer?: Identity;
  /** Whether it may sign others. @default false */
  readonly isAuthority?: boolean;
}

/**
 * Makes the identity of one run's hub: a fresh key, and a certificate that it signed itself. Workers trust this one
 * certificate and no other, so neither its name nor its dates say anything: they are the same in each.
 *
 * Node makes keys and signatures but no certificates. The libraries that do bring some twenty packages and 80 ms of
 * loading, for the few fields below, which hardly vary.
 */
export function createIdentity(options: IdentityOptions = {}): Identity {
  const { name = "Muster hub", hosts = [], issuer, isAuthority = false } = options;
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  // A serial number is positive: its first bit is 0.
  const serial = randomBytes(16);
  serial[0] = (serial[0]! & 0x7f) | 0x40;
  const toBeSigned = sequence(
    tagged(0xa0, tagged(INTEGER, Buffer.from([2]))),
    tagged(INTEGER, serial),
    ECDSA_WITH_SHA256,
    commonName(issuer === undefined ? name : commonNameOf(issuer)),
    VALIDITY,
    commonName(name),
    publicKey.export({ type: "spki", format: "der" }),
    ...extensions(hosts, isAuthority),
  );
  const signature = sign("sha256", toBeSigned, issuer?.key ?? privateKey);
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

const BOOLEAN = 0x01;
const INTEGER = 0x02;
const BIT_STRING = 0x03;
const OCTET_STRING = 0x04;
const OBJECT_ID = 0x06;
const UTF8_STRING = 0x0c;
const UTC_TIME = 0x17;
const SEQUENCE = 0x30;
const SET = 0x31;

/** 1.2.840.10045.4.3.2 */
const ECDSA_WITH_SHA256 = sequence(tagged(OBJECT_ID, Buffer.from("2a8648ce3d040302", "hex")));
/** 2.5.4.3, the common name */
const COMMON_NAME = tagged(OBJECT_ID, Buffer.from("550403", "hex"));
/** 2.5.29.17, the names and addresses that it stands for */
const SUBJECT_ALT_NAME = tagged(OBJECT_ID, Buffer.from("551d11", "hex"));
/** 2.5.29.19, whether it may sign others */
const BASIC_CONSTRAINTS = tagged(OBJECT_ID, Buffer.from("551d13", "hex"));
const TRUE = tagged(BOOLEAN, Buffer.from([0xff]));
/** Wide enough for any machine whose clock is wrong. The key lives as long as the run. */
const VALIDITY = sequence(
  tagged(UTC_TIME, Buffer.from("000101000000Z")),
  tagged(UTC_TIME, Buffer.from("491231235959Z")),
);

function commonName(name: string): Buffer {
  return sequence(tagged(SET, sequence(COMMON_NAME, tagged(UTF8_STRING, Buffer.from(name)))));
}

function commonNameOf({ certificate }: Identity): string {
  return new X509Certificate(certificate).subject.replace(/^CN=/, "");
}

function extensions(hosts: readonly string[], isAuthority: boolean): Buffer[] {
  const names = hosts.map((host) =>
    isIPv4(host) ? tagged(0x87, Buffer.from(host.split(".").map(Number))) : tagged(0x82, Buffer.from(host)),
  );
  const all = [
    ...(names.length === 0 ? [] : [sequence(SUBJECT_ALT_NAME, tagged(OCTET_STRING, sequence(...names)))]),
    ...(isAuthority ? [sequence(BASIC_CONSTRAINTS, TRUE, tagged(OCTET_STRING, sequence(TRUE)))] : []),
  ];
  return all.length === 0 ? [] : [tagged(0xa3, sequence(...all))];
}

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
