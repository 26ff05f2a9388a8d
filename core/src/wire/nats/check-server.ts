import { type NatsConnection, RequestError } from "@nats-io/transport-node";
import { toError } from "../../base/errors.ts";
import { whyTooOld } from "../../contracts/nats-version.ts";
import { explainNats, JetStreamAnswerError } from "./explain-nats.ts";
import { NatsError } from "./nats-error.ts";

export interface ServerNeeds {
  /** Bytes that one message must be able to have. @default 65536 */
  readonly minPayloadBytes?: number;
  /** Whether the account must have JetStream. @default true */
  readonly jetStream?: boolean;
}

/** @throws NatsError for a server that cannot be used, saying why */
export async function checkServer(
  connection: NatsConnection,
  needs: ServerNeeds,
  { address, timeoutMs }: { readonly address: string; readonly timeoutMs: number },
): Promise<void> {
  const { minPayloadBytes = 65_536, jetStream = true } = needs;
  const { version = "?", max_payload: maxPayload = 0 } = connection.info ?? {};
  const unsuitable = (why: string, advice: string): NatsError =>
    new NatsError("UNSUITABLE", `The NATS server at ${address} cannot be used: ${why}. ${advice}`);
  const tooOld = whyTooOld(version);
  if (tooOld !== undefined) throw unsuitable(tooOld, "Use a newer one.");
  if (maxPayload < minPayloadBytes)
    throw unsuitable(
      `a message may have ${maxPayload} bytes at most, and must be able to have ${minPayloadBytes}`,
      "Raise max_payload in its configuration.",
    );
  if (jetStream) await checkJetStream(connection, { address, timeoutMs });
}

/** The answer of one that has it: its own information, or an error. */
interface ApiAnswer {
  readonly error?: { readonly description: string; readonly err_code: number };
}

async function checkJetStream(
  connection: NatsConnection,
  { address, timeoutMs }: { readonly address: string; readonly timeoutMs: number },
): Promise<void> {
  try {
    // Not by the client of JetStream, which need not be loaded for this.
    const answer = await connection.request("$JS.API.INFO", "", { timeout: timeoutMs });
    const { error } = answer.json<ApiAnswer>();
    if (error !== undefined) throw new JetStreamAnswerError(error);
  } catch (thrown) {
    const error = toError(thrown);
    const isNobody = error instanceof RequestError && error.isNoResponders();
    throw explainNats(isNobody ? noJetStream(error) : error, "offer JetStream, which Muster needs", address);
  }
}

/** As its client says it. */
function noJetStream(cause: Error): Error {
  const error = new Error("jetstream is not enabled", { cause });
  error.name = "JetStreamNotEnabled";
  return error;
}
