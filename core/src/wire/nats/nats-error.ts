import { brand, MusterError } from "../../base/errors.ts";

/**
 * What is wrong between this program and a NATS server.
 * - `UNREACHABLE`: no server answers, or what answers is none
 * - `UNTRUSTED`: TLS: the certificate is not trusted, has another name, or one side has no TLS
 * - `UNAUTHORIZED`: the server does not let this program in
 * - `FORBIDDEN`: it does, but a subject is not allowed
 * - `UNSUITABLE`: the server is too old, has no JetStream, or takes only small messages
 * - `LIMIT`: a limit of the server, the account or a stream is reached
 * - `LOST`: the connection was closed, or an answer did not come in time
 * - `OTHER`: the server's words say it
 */
export type NatsTrouble =
  | "UNREACHABLE"
  | "UNTRUSTED"
  | "UNAUTHORIZED"
  | "FORBIDDEN"
  | "UNSUITABLE"
  | "LIMIT"
  | "LOST"
  | "OTHER";

/** Something that went wrong with a NATS server. */
export class NatsError extends MusterError {
  readonly trouble: NatsTrouble;

  constructor(trouble: NatsTrouble, message: string, options?: ErrorOptions) {
    super("NATS", message, options);
    this.trouble = trouble;
  }

  static {
    brand(NatsError, "NatsError");
  }
}
