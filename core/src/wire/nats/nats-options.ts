import { checkOptionNames, type OptionNames } from "../../base/check-options.ts";
import { type NatsServer, parseAddresses } from "./nats-address.ts";
import { findCredentials, type NatsCredentials } from "./nats-credentials.ts";
import { type Env, NatsSources, VARIABLES } from "./nats-sources.ts";
import { type ClientCertificate, findTls, type NatsTls } from "./nats-tls.ts";

/* None of this loads the packages of NATS: options are checked before anybody knows whether these are needed. */

/** How to get to servers of NATS, and who this is. What is not given is looked for in the environment. */
export interface NatsOptions {
  /**
   * Addresses of one server, or of several of one cluster: `nats://`, `tls://`, `ws://` or `wss://`, a host, and a port
   * (by default 4222; for WebSockets 80 and 443). One text may name several, with commas between.
   */
  readonly servers?: string | readonly string[];
  /** @default MUSTER_NATS_USER */
  readonly user?: string;
  /** @default MUSTER_NATS_PASSWORD */
  readonly password?: string;
  /** @default MUSTER_NATS_TOKEN */
  readonly token?: string;
  /** The seed of a user's nkey: SU, and more. @default MUSTER_NATS_NKEY */
  readonly nkey?: string;
  /** The path of a file of credentials (`.creds`), or what is in it. @default MUSTER_NATS_CREDS */
  readonly creds?: string;
  /**
   * The path of a file with the certificates to trust, or these as PEM: of authorities, or the server's own, which then
   * may have any name. With it the server must speak TLS. @default MUSTER_NATS_CA, or what Node trusts
   */
  readonly ca?: string;
  /** The path of a file with the certificate to show to the server, or that as PEM. @default MUSTER_NATS_CERT */
  readonly cert?: string;
  /** The path of a file with that certificate's key, or that as PEM. @default MUSTER_NATS_KEY */
  readonly key?: string;
  /** The name that the server's certificate must have. @default MUSTER_NATS_TLS_SERVER_NAME, or the address's */
  readonly tlsServerName?: string;
  /**
   * Whether TLS begins before the server says a word: for servers with `handshake_first`, and those behind something
   * that speaks TLS for them. @default MUSTER_NATS_TLS_FIRST (`true` or `false`), or false
   */
  readonly tlsFirst?: boolean;
  /** Milliseconds that the first connect may take. @default MUSTER_NATS_CONNECT_TIMEOUT_MS, or 10000 */
  readonly connectTimeoutMs?: number;
}

const NAMES: OptionNames<NatsOptions> = {
  servers: true,
  user: true,
  password: true,
  token: true,
  nkey: true,
  creds: true,
  ca: true,
  cert: true,
  key: true,
  tlsServerName: true,
  tlsFirst: true,
  connectTimeoutMs: true,
};
/** All names of these options. */
export const NATS_OPTION_NAMES = Object.keys(NAMES) as readonly (keyof NatsOptions)[];

interface Secrets {
  readonly credentials: NatsCredentials | undefined;
  readonly client: ClientCertificate | undefined;
}

/**
 * Where the servers are, who this is, and whom to trust: checked, and with what was in files. Neither `inspect` nor JSON
 * shows a secret of it. It cannot be sent to a thread or process: send `natsEnv` of it.
 */
export class NatsTarget {
  readonly servers: readonly NatsServer[];
  /** All of them, without credentials: `nats://a:4222,nats://b:4222`. */
  readonly address: string;
  /** How long the first connect may take. */
  readonly connectTimeoutMs: number;
  readonly #secrets: Secrets;
  readonly #tls: NatsTls | undefined;

  constructor(
    { servers, connectTimeoutMs }: Pick<NatsTarget, "servers" | "connectTimeoutMs">,
    secrets: Secrets,
    tls: NatsTls | undefined,
  ) {
    this.servers = servers;
    this.address = servers.map(({ address }) => address).join(",");
    this.connectTimeoutMs = connectTimeoutMs;
    this.#secrets = secrets;
    this.#tls = tls;
  }

  /** Whether the way leads through WebSockets. */
  get isWeb(): boolean {
    return this.servers[0]!.scheme.startsWith("ws");
  }

  secrets(): Secrets {
    return this.#secrets;
  }

  /** Undefined: TLS if the server asks for it, with what Node trusts. */
  get tls(): NatsTls | undefined {
    return this.#tls;
  }
}

export interface ResolveNatsOptions {
  /** @default process.env */
  readonly env?: Env;
  /** Whose options they are, for messages. @default "clientKwargs" */
  readonly where?: string;
  /** Where the address was given, for messages: `address`, `MUSTER_ADDRESS`. @default `servers` of those options */
  readonly addressFrom?: string;
}

/**
 * What the user wrote, with what the environment says where they wrote nothing.
 * @throws InvalidOptionError, which shows no secret
 */
export function resolveNatsOptions(
  options: NatsOptions,
  { env = process.env, where = "clientKwargs", addressFrom = `${where}.servers` }: ResolveNatsOptions = {},
): NatsTarget {
  checkOptionNames(options, NAMES, { where, path: where });
  const { servers, credentials: inAddress } = parseAddresses(options.servers ?? [], addressFrom);
  const sources = new NatsSources(options, env, where);
  const connectTimeoutMs = sources.milliseconds("connectTimeoutMs", 10_000);
  const credentials = findCredentials(sources, inAddress);
  const { tls, client } = findTls(sources, servers);
  return new NatsTarget({ servers, connectTimeoutMs }, { credentials, client }, tls);
}

/**
 * The options as environment variables, for a worker, which is told the address beside: with them, `resolveNatsOptions`
 * there gives the same again. What is in files here goes along.
 */
export function natsEnv(target: NatsTarget): Record<string, string> {
  const { tls, connectTimeoutMs } = target;
  const { credentials, client } = target.secrets();
  const all: Record<string, string | undefined> = {
    ...(credentials === undefined ? {} : credentialsEnv(credentials)),
    [VARIABLES.ca]: tls?.ca,
    [VARIABLES.cert]: client?.cert,
    [VARIABLES.key]: client?.key,
    [VARIABLES.tlsServerName]: tls?.serverName,
    [VARIABLES.tlsFirst]: tls?.isFirst === true ? "true" : undefined,
    [VARIABLES.connectTimeoutMs]: String(connectTimeoutMs),
  };
  return Object.fromEntries(
    Object.entries(all).filter((entry): entry is [string, string] => entry[1] !== undefined),
  );
}

function credentialsEnv(credentials: NatsCredentials): Record<string, string> {
  switch (credentials.kind) {
    case "user":
      return { [VARIABLES.user]: credentials.user, [VARIABLES.password]: credentials.password };
    case "token":
      return { [VARIABLES.token]: credentials.token };
    case "nkey":
      return { [VARIABLES.nkey]: credentials.seed };
    case "creds":
      return { [VARIABLES.creds]: credentials.content };
  }
}
