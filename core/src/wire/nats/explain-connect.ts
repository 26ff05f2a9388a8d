import { DeadlineError } from "../../base/errors.ts";
import type { NatsServer } from "./nats-address.ts";
import { ClosedByServerError, NotNatsError, ServerSaysError } from "./nats-call.ts";
import type { NatsCredentials } from "./nats-credentials.ts";
import { NatsError, type NatsTrouble } from "./nats-error.ts";
import type { NatsTarget } from "./nats-options.ts";

/** What stands behind a failed connect: in the words of whoever says it, and what to do. */
interface Explanation {
  readonly trouble: NatsTrouble;
  readonly why: string;
  readonly advice: string;
}

/** Why no connection came to be, as one sentence, and what to do. */
export function connectError(
  failures: readonly { readonly server: NatsServer; readonly error: Error }[],
  target: NatsTarget,
): NatsError {
  const [first, ...others] = failures.map(({ server, error }) => ({
    address: server.address,
    error,
    ...explain(error, server, target),
  }));
  const { trouble, why, advice, address, error: cause } = first!;
  if (others.length === 0)
    return new NatsError(trouble, `The NATS server at ${address} cannot be used: ${why}. ${advice}`, {
      cause,
    });
  const all = [first!, ...others].map((one) => `${one.address}: ${one.why}`).join("; ");
  return new NatsError(trouble, `None of the NATS servers can be used: ${all}. ${advice}`, { cause });
}

function explain(error: Error, server: NatsServer, target: NatsTarget): Explanation {
  return (
    explainSystem(error, server, target) ??
    explainTls(error, server, target) ??
    explainRefusal(error, server, target) ?? {
      trouble: "OTHER",
      why: wordsOf(error),
      advice: "These are the words of the server or of its client.",
    }
  );
}

const SYSTEM: Readonly<Record<string, string>> = {
  ECONNREFUSED: "Nothing listens there: start the server, or correct the address.",
  ENOTFOUND: "There is no such name: correct the address.",
  EAI_AGAIN: "No name server answers: check the network of this machine.",
  EHOSTUNREACH: "No way leads there: check the address and the network.",
  ENETUNREACH: "No way leads there: check the address and the network.",
  EACCES: "This machine does not let the program connect there: check its firewall.",
  EPERM: "This machine does not let the program connect there: check its firewall.",
  ETIMEDOUT:
    "Check that the server runs, and that firewalls and security groups let this machine through; connectTimeoutMs gives it longer.",
  ECONNRESET: "Something between here and there, or the server itself, breaks the connection: see its log.",
  EPIPE: "Something between here and there, or the server itself, breaks the connection: see its log.",
};

function explainSystem(
  error: Error,
  { port, scheme }: NatsServer,
  target: NatsTarget,
): Explanation | undefined {
  if (error instanceof NotNatsError || error instanceof ClosedByServerError) {
    const protocol = scheme.startsWith("ws") ? "WebSockets" : "NATS";
    const first =
      protocol === "NATS" ? " If it is a server that speaks TLS from the beginning, set tlsFirst." : "";
    return {
      trouble: "UNREACHABLE",
      why: `what takes the connection does not speak ${protocol}: ${error.message}`,
      advice: `Something else may listen on port ${port}: correct the address.${first}`,
    };
  }
  const isLate = error instanceof DeadlineError || error.name === "TimeoutError";
  const why = isLate
    ? `it does not answer within ${(target.connectTimeoutMs / 1000).toFixed(1)} s`
    : wordsOf(error);
  const advice = SYSTEM[isLate ? "ETIMEDOUT" : codeOf(error)];
  return advice === undefined ? undefined : { trouble: "UNREACHABLE", why, advice };
}

const NOT_TRUSTED = new Set([
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "CERT_SIGNATURE_FAILURE",
  "CERT_UNTRUSTED",
  "INVALID_CA",
]);

function explainTls(error: Error, server: NatsServer, target: NatsTarget): Explanation | undefined {
  const code = codeOf(error);
  const why = wordsOf(error);
  if (NOT_TRUSTED.has(code)) {
    const others = target.tls?.ca === undefined ? "" : ", which holds others";
    const advice = `Name the certificate of the authority that signed it, or its own, in clientKwargs.ca (or MUSTER_NATS_CA)${others}.`;
    return { trouble: "UNTRUSTED", why: `its certificate is not trusted: ${why}`, advice };
  }
  if (code === "ERR_TLS_CERT_ALTNAME_INVALID")
    return {
      trouble: "UNTRUSTED",
      why: `its certificate is for another name: ${why}`,
      advice:
        "Use a name that it has as the address, or say in clientKwargs.tlsServerName which one it is to have.",
    };
  if (code.startsWith("CERT_"))
    return {
      trouble: "UNTRUSTED",
      why: `its certificate is not valid: ${why}`,
      advice: "Give the server a new one.",
    };
  if (/certificate.required|bad.certificate|unknown.ca|certificate.unknown/i.test(`${code} ${why}`))
    return {
      trouble: "UNAUTHORIZED",
      why: `it does not take ${target.secrets().client === undefined ? "a client without a certificate" : "the certificate of this client"}: ${why}`,
      advice: "Name one that it trusts, and its key, in clientKwargs.cert and clientKwargs.key.",
    };
  if (/does not support 'tls'|'tls' is not available/.test(why))
    return {
      trouble: "UNTRUSTED",
      why: `it speaks no TLS, which ${server.scheme === "tls" ? "tls://" : "ca, cert, tlsServerName or tlsFirst"} asks for`,
      advice:
        "Give the server a certificate; or use nats:// alone, if nobody can listen on the network between.",
    };
  if (code.startsWith("ERR_SSL_") || code === "EPROTO")
    return {
      trouble: "UNTRUSTED",
      why: `TLS fails: ${why}`,
      advice:
        "See the server's log; tlsFirst is for servers that speak TLS from the beginning, and for no others.",
    };
  return undefined;
}

function explainRefusal(error: Error, server: NatsServer, target: NatsTarget): Explanation | undefined {
  const { credentials, client } = target.secrets();
  const says = wordsOf(error);
  if (/authorization violation|authentication|expired|revoked/i.test(says)) {
    const shown = shownAs(credentials);
    const isWithout = credentials === undefined && client === undefined;
    return {
      trouble: "UNAUTHORIZED",
      why: `it says "${says}" to ${shown}`,
      advice: isWithout
        ? "Give credentials as MUSTER_NATS_USER and MUSTER_NATS_PASSWORD, MUSTER_NATS_TOKEN, MUSTER_NATS_NKEY or MUSTER_NATS_CREDS; or, where an executor has the address, in clientKwargs (user and password, token, nkey or creds)."
        : "Correct the credentials, or add them to the server's configuration.",
    };
  }
  if (/secure connection|tls required/i.test(says)) {
    const advice = `Use tls://${server.address.replace(/^\w+:\/\//, "")}.`;
    return { trouble: "UNTRUSTED", why: `it says "${says}"`, advice };
  }
  if (/maximum .*(connections|exceeded)|limit/i.test(says))
    return {
      trouble: "LIMIT",
      why: `it says "${says}"`,
      advice: "Raise that limit of the server or the account, or use fewer workers.",
    };
  if (error instanceof ServerSaysError || error.name === "ProtocolError")
    return { trouble: "OTHER", why: `it says "${says}"`, advice: "See the server's log." };
  return undefined;
}

function shownAs(credentials: NatsCredentials | undefined): string {
  switch (credentials?.kind) {
    case undefined:
      return "a client that shows no credentials";
    case "user":
      return `the user "${credentials.user}" with the password that was given`;
    case "token":
      return "the token that was given";
    case "nkey":
      return "the nkey that was given";
    case "creds":
      return "the credentials that were given (creds)";
  }
}

function codeOf(error: Error): string {
  const { code, cause } = error as NodeJS.ErrnoException;
  return code ?? (cause instanceof Error ? codeOf(cause) : "");
}

/** The innermost words; those of all tries, where a name had several addresses. */
function wordsOf(error: Error): string {
  if (error instanceof AggregateError) return error.errors.map((one: Error) => one.message).join(", ");
  if (error.message === "" && error.cause instanceof Error) return wordsOf(error.cause);
  // OpenSSL's own words are between names of its files; Node's hint about other authorities is not the server's.
  const { reason = error.message } = error as { readonly reason?: string };
  return reason.replace(/; if the root CA is installed locally.*$/s, "").replace(/[\s.:]+$/, "");
}
