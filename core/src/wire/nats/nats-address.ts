import { InvalidOptionError } from "../../base/errors.ts";
import { nearName } from "../../base/near-name.ts";
import { withoutCredentials } from "../../base/without-credentials.ts";

/** Where one server is. */
export interface NatsServer {
  readonly scheme: NatsScheme;
  /** A name, or an address without brackets. */
  readonly host: string;
  readonly port: number;
  /** Whole, and without credentials: `nats://10.0.0.7:4222`. */
  readonly address: string;
}

export type NatsScheme = keyof typeof DEFAULT_PORTS;

/** Who somebody is, as an address can say it: `nats://user:password@host`, `nats://token@host`. */
export type AddressCredentials =
  | { readonly kind: "user"; readonly user: string; readonly password: string }
  | { readonly kind: "token"; readonly token: string };

export interface ParsedAddresses {
  readonly servers: readonly NatsServer[];
  readonly credentials: AddressCredentials | undefined;
}

const DEFAULT_PORTS = { nats: 4222, tls: 4222, ws: 80, wss: 443 } as const;
const SCHEMES = Object.keys(DEFAULT_PORTS) as NatsScheme[];
const EXAMPLE =
  "It looks like nats://10.0.0.7:4222, or tls://, ws:// or wss://, several with commas between.";

const ESCAPES = " In credentials, write %40 for @, %3A for :, %2F for / and %2C for a comma.";

/** Whether an address is one of NATS servers, so that what speaks to them has to be loaded. */
export function isNatsAddress(address: string): boolean {
  return SCHEMES.some((scheme) => address.trimStart().toLowerCase().startsWith(`${scheme}://`));
}

/**
 * The servers that addresses name, each of which may be several with commas between; one without a scheme has that of
 * the first.
 * @param option as the user wrote it, for messages, which never show credentials
 * @throws InvalidOptionError
 */
export function parseAddresses(addresses: string | readonly string[], option: string): ParsedAddresses {
  const texts = [addresses].flat().flatMap((text) => splitAddresses(text, option));
  if (texts.length === 0) throw new InvalidOptionError(option, `${option} names no NATS server. ${EXAMPLE}`);
  const parsed = texts.map((text) => parseAddress(text, schemeOf(texts[0]!) ?? "nats", option));
  const servers = parsed.map(({ server }) => server);
  checkOneKind(servers, option);
  return { servers, credentials: oneOf(parsed, option) };
}

function splitAddresses(text: unknown, option: string): string[] {
  if (typeof text !== "string")
    throw new InvalidOptionError(option, `${option} must be a text, or several, but it is ${typeof text}.`);
  const [first, ...others] = text
    .split(",")
    .map((one) => one.trim())
    .filter((one) => one !== "");
  // What stands before that comma would be taken for a server, and be shown.
  if (others.some((other) => schemeOf(other) === undefined && other.includes("@")))
    throw new InvalidOptionError(
      option,
      `${option} is "${withoutCredentials(text)}", with a comma before an @: in a user or password it is written %2C, and an address with credentials begins with its scheme. ${EXAMPLE}`,
    );
  return first === undefined ? [] : [first, ...others];
}

function schemeOf(text: string): string | undefined {
  return /^([a-z][a-z0-9+.-]*):\/\//i.exec(text)?.[1]?.toLowerCase();
}

function parseAddress(
  text: string,
  usualScheme: string,
  option: string,
): { readonly server: NatsServer; readonly credentials: AddressCredentials | undefined } {
  const fail = (why: string): never => {
    throw new InvalidOptionError(
      option,
      `${option} is "${withoutCredentials(text)}", which is no address of a NATS server: ${why}. ${EXAMPLE}${text.includes("@") ? ESCAPES : ""}`,
    );
  };
  const written = schemeOf(text);
  const scheme = (written ?? usualScheme) as NatsScheme;
  if (!SCHEMES.includes(scheme)) {
    const near = nearName(scheme, SCHEMES);
    fail(`it begins with ${scheme}://${near === undefined ? "" : ` (did you mean ${near}://?)`}`);
  }
  const rest = written === undefined ? text : text.slice(text.indexOf("://") + 3);
  const isWeb = scheme === "ws" || scheme === "wss";
  // With this scheme, names are read and checked as everywhere, and no port is the usual one.
  const whole = `https://${rest}`;
  if (!URL.canParse(whole)) fail("it cannot be read");
  const url = new URL(whole);
  if (url.search !== "" || url.hash !== "") fail("nothing may stand behind the port");
  if (!isWeb && url.pathname !== "/") fail("nothing may stand behind the port");
  const isUsualPort = url.port === "" && !/:0*443(?:\/|$)/.test(rest);
  const port = isUsualPort ? DEFAULT_PORTS[scheme] : Number(url.port || 443);
  if (port === 0) fail("0 is no port to connect to");
  const path = isWeb && url.pathname !== "/" ? url.pathname : "";
  return {
    server: {
      scheme,
      host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
      port,
      address: `${scheme}://${url.hostname}:${port}${path}`,
    },
    credentials: credentialsOf(url, fail),
  };
}

function credentialsOf(url: URL, fail: (why: string) => never): AddressCredentials | undefined {
  const [user, password] = [url.username, url.password].map((text) => {
    try {
      return decodeURIComponent(text);
    } catch {
      return fail("the credentials in it have a % that begins no escape: write it as %25");
    }
  }) as [string, string];
  if (user === "" && password === "") return undefined;
  if (user === "") return fail("it has a password and no user");
  return password === "" ? { kind: "token", token: user } : { kind: "user", user, password };
}

/** The client has one way to its servers at a time. */
function checkOneKind(servers: readonly NatsServer[], option: string): void {
  const web = servers.filter(({ scheme }) => scheme.startsWith("ws"));
  if (web.length === 0 || web.length === servers.length) return;
  const addresses = servers.map(({ address }) => address).join(", ");
  throw new InvalidOptionError(
    option,
    `${option} has addresses of WebSockets and others (${addresses}): a connection uses the one or the other. Name servers of one kind.`,
  );
}

/** All servers are shown the same credentials. */
function oneOf(
  parsed: readonly { readonly credentials: AddressCredentials | undefined }[],
  option: string,
): AddressCredentials | undefined {
  const [first, ...others] = parsed.flatMap(({ credentials }) => credentials ?? []);
  if (others.every((other) => JSON.stringify(other) === JSON.stringify(first))) return first;
  throw new InvalidOptionError(
    option,
    `The addresses in ${option} have different credentials in them: all servers are shown the same ones. Name them once.`,
  );
}
