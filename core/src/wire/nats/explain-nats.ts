import { toError } from "../../base/errors.ts";
import { NatsError, type NatsTrouble } from "./nats-error.ts";

interface Meaning {
  readonly trouble: NatsTrouble;
  readonly advice: string;
}

const FORBIDDEN = "Allow it in the permissions of this user, in the server's configuration.";
const STORAGE =
  "Raise the limit of the account (or max_file_store and max_memory_store of the server), or delete streams that nobody needs.";

/** What the codes of JetStream's API mean for whoever runs flows (nats-server's `errors.json`). */
const API_CODES: Readonly<Record<number, Meaning>> = {
  10002: { trouble: "LIMIT", advice: STORAGE },
  10023: {
    trouble: "LIMIT",
    advice: "Give the server more memory or disk, or delete streams that nobody needs.",
  },
  10026: { trouble: "LIMIT", advice: "Raise max_consumers of the account or the stream." },
  10027: {
    trouble: "LIMIT",
    advice: "Raise max_streams of the account, or delete streams that nobody needs.",
  },
  10028: { trouble: "LIMIT", advice: STORAGE },
  10039: {
    trouble: "UNSUITABLE",
    advice: "Enable JetStream for the account of this user, or use another account.",
  },
  10047: { trouble: "LIMIT", advice: STORAGE },
  10054: { trouble: "LIMIT", advice: "Raise the largest message of the stream (max_msg_size)." },
  10074: { trouble: "UNSUITABLE", advice: "Use servers in a cluster, or no replicas." },
  10076: { trouble: "UNSUITABLE", advice: "Start the server with JetStream: nats-server --jetstream." },
  10077: { trouble: "LIMIT", advice: STORAGE },
  10113: { trouble: "LIMIT", advice: "Take max_bytes_required from the account's limits." },
  10122: { trouble: "LIMIT", advice: "Raise the largest stream of the account (its max_stream_bytes)." },
};

/**
 * An error of the client of NATS as one that says what could not be done, why in the server's words, and what to do.
 * @param what the server was to do: `"make the stream muster-run-1"`
 * @param address of the server, as far as it is known, without credentials
 */
export function explainNats(thrown: unknown, what: string, address?: string): NatsError {
  if (thrown instanceof NatsError) return thrown;
  const error = toError(thrown);
  const { trouble, advice, words } = meaningOf(error);
  const server = address === undefined ? "The NATS server" : `The NATS server at ${address}`;
  const why = words.trim().replace(/\.$/, "");
  return new NatsError(trouble, `${server} could not ${what}: ${why}. ${advice}`.trim(), { cause: error });
}

function meaningOf(error: Error): Meaning & { readonly words: string } {
  const { name, message, cause } = error;
  const code = apiCodeOf(error);
  const words = code === undefined ? message : `${message} (error ${code})`;
  const known = code === undefined ? undefined : API_CODES[code];
  if (known !== undefined) return { ...known, words };
  switch (name) {
    case "JetStreamNotEnabled":
      if (cause instanceof Error && apiCodeOf(cause) !== undefined) return meaningOf(cause);
      return { ...API_CODES[10076]!, words: "it is not enabled" };
    case "NoResponders":
      return { trouble: "LOST", words, advice: "Whoever answers there is not connected." };
    case "PermissionViolationError":
      return { trouble: "FORBIDDEN", words, advice: FORBIDDEN };
    case "AuthorizationError":
    case "UserAuthenticationExpiredError":
      return { trouble: "UNAUTHORIZED", words, advice: "Renew the credentials." };
    case "TimeoutError":
      return {
        trouble: "LOST",
        words: "it gave no answer in time",
        advice: "It may be overloaded, or the network between is cut: see its log.",
      };
    case "ClosedConnectionError":
    case "DrainingConnectionError":
      return { trouble: "LOST", words: `the connection is closed (${message})`, advice: "" };
    case "InvalidArgumentError":
      if (!message.includes("max_payload")) break;
      return {
        trouble: "LIMIT",
        words: "the message is larger than the server takes",
        advice: "Raise max_payload in its configuration.",
      };
    case "RequestError":
      if (cause instanceof Error) return meaningOf(cause);
      return { trouble: "LOST", words: words || "the connection was lost", advice: "" };
  }
  return { trouble: "OTHER", words, advice: "" };
}

/** Of an answer of JetStream's API; its client's classes are not loaded for this. */
function apiCodeOf(error: Error): number | undefined {
  const { code } = error as { readonly code?: unknown };
  return typeof code === "number" && code >= 10_000 ? code : undefined;
}

/** What JetStream's API answers where it fails. */
export class JetStreamAnswerError extends Error {
  readonly code: number;

  constructor({ description, err_code: code }: { readonly description: string; readonly err_code: number }) {
    super(description);
    this.code = code;
  }
}
