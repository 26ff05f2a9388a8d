import { createPrivateKey, X509Certificate } from "node:crypto";
import { checkServerIdentity, createSecureContext, type PeerCertificate, type SecureContext } from "node:tls";
import type { NatsServer } from "./nats-address.ts";
import { contentOf, type Found, type NatsSources, wrong } from "./nats-sources.ts";

/** Whom to trust, and what to show. Of the key, only the context knows. */
export interface NatsTls {
  /** PEM; undefined: what Node trusts. */
  readonly ca: string | undefined;
  readonly serverName: string | undefined;
  readonly isFirst: boolean;
  readonly context: SecureContext;
}

/** PEM, both. */
export interface ClientCertificate {
  readonly cert: string;
  readonly key: string;
}

const PEM = { begins: /-----BEGIN /, what: 'PEM, "-----BEGIN …" and what follows' };
const CERTIFICATES = /-----BEGIN CERTIFICATE-----.*?-----END CERTIFICATE-----/gs;

/**
 * What TLS needs; undefined when nobody has asked for it, so that the server may.
 * @throws InvalidOptionError
 */
export function findTls(
  sources: NatsSources,
  servers: readonly NatsServer[],
): { readonly tls: NatsTls | undefined; readonly client: ClientCertificate | undefined } {
  const ca = certificatesOf(sources.find("ca"));
  const serverName = sources.find("tlsServerName");
  const isFirst = sources.flag("tlsFirst");
  const cert = certificatesOf(sources.find("cert"));
  const key = keyOf(sources.find("key"));
  if ((cert === undefined) !== (key === undefined)) {
    const [given, missing] = cert === undefined ? [key!, "cert"] : [cert, "key"];
    throw wrong(given.from, `${given.from} is given without its ${missing}: give both`);
  }
  const given = ca ?? serverName ?? cert;
  const isAsked = given !== undefined || isFirst || servers.some(({ scheme }) => /^(tls|wss)$/.test(scheme));
  const isPlain = servers.some(({ scheme }) => scheme === "ws");
  if (isAsked && isPlain) {
    const from = given?.from ?? "tlsFirst";
    throw wrong(from, `${from} is for TLS, which addresses with ws:// do not use: write wss://`);
  }
  if (!isAsked) return { tls: undefined, client: undefined };
  const client = cert && key && { cert: cert.text, key: key.text };
  const tls = { ca: ca?.text, serverName: serverName?.text, isFirst, context: contextOf(ca, cert, key) };
  return { tls, client };
}

/** Every certificate in it can be read: OpenSSL silently passes over those that cannot. */
function certificatesOf(found: Found | undefined): Found | undefined {
  if (found === undefined) return undefined;
  const { text, from } = contentOf(found, PEM);
  const all = text.match(CERTIFICATES) ?? [];
  if (all.length === 0) throw wrong(from, `There is no certificate in ${from}`);
  for (const one of all) {
    try {
      new X509Certificate(one);
    } catch (error) {
      throw wrong(from, `A certificate in ${from} cannot be read: ${(error as Error).message}`, error);
    }
  }
  return { text, from };
}

function keyOf(found: Found | undefined): Found | undefined {
  if (found === undefined) return undefined;
  const { text, from } = contentOf(found, PEM);
  try {
    createPrivateKey(text);
  } catch (error) {
    throw wrong(from, `The key in ${from} cannot be read: ${(error as Error).message}`, error);
  }
  return { text, from };
}

function contextOf(ca: Found | undefined, cert: Found | undefined, key: Found | undefined): SecureContext {
  try {
    return createSecureContext({ ca: ca?.text, cert: cert?.text, key: key?.text });
  } catch (error) {
    const from = cert?.from ?? ca?.from ?? "tls";
    throw wrong(from, `${from} and its key cannot be used: ${(error as Error).message}`, error);
  }
}

/**
 * Whether a server is the one that was meant, as TLS asks it: its certificate has the name that was asked for, or is
 * itself the one to trust, as the one that was made for a run: whoever has its key is the one that was meant.
 */
export function checkIdentity(
  { ca, serverName }: Pick<NatsTls, "ca" | "serverName">,
  host: string,
  certificate: PeerCertificate,
): Error | undefined {
  const isPinned = (ca?.match(CERTIFICATES) ?? []).some((pem) =>
    new X509Certificate(pem).raw.equals(certificate.raw),
  );
  return isPinned ? undefined : checkServerIdentity(serverName ?? host, certificate);
}
