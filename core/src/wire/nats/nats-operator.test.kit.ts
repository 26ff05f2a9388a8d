import { nkeys } from "@nats-io/transport-node";

type Keys = ReturnType<typeof nkeys.createUser>;
const ENDLESS = { subs: -1, data: -1, payload: -1 };

/**
 * What an operator of NATS hands out, as `nsc` makes it: the configuration of a server that knows one account, and the
 * file of credentials of a user of it.
 */
export function makeOperator(): { readonly config: string; readonly creds: string } {
  const operator = nkeys.createOperator();
  const [system, account, user] = [nkeys.createAccount(), nkeys.createAccount(), nkeys.createUser()];
  const limits = {
    ...ENDLESS,
    ...{ imports: -1, exports: -1, wildcards: true, conn: -1, leaf: -1 },
    ...{ mem_storage: -1, disk_storage: -1, streams: -1, consumer: -1 },
  };
  const accounts = [system, account].map((keys) => {
    const own = keys === system ? { ...limits, mem_storage: 0, disk_storage: 0 } : limits;
    return `${keys.getPublicKey()}: ${signed({ keys, by: operator, type: "account", claims: { limits: own } })}`;
  });
  const jwt = signed({ keys: user, by: account, type: "user", claims: { pub: {}, sub: {}, ...ENDLESS } });
  return {
    config: [
      `operator: ${signed({ keys: operator, by: operator, type: "operator", claims: {} })}`,
      `system_account: ${system.getPublicKey()}`,
      "resolver: MEMORY",
      `resolver_preload: { ${accounts.join(", ")} }`,
    ].join("\n"),
    creds: [
      ...["-----BEGIN NATS USER JWT-----", jwt, "------END NATS USER JWT------", ""],
      "************************* IMPORTANT *************************",
      "NKEY Seed printed below can be used to sign and prove identity.",
      ...["", "-----BEGIN USER NKEY SEED-----", new TextDecoder().decode(user.getSeed())],
      ...["------END USER NKEY SEED------", ""],
    ].join("\n"),
  };
}

/** A token of NATS: JSON, signed by the key of whoever is above. */
function signed(token: {
  readonly keys: Keys;
  readonly by: Keys;
  readonly type: string;
  readonly claims: object;
}): string {
  const { keys, by, type, claims } = token;
  const encoded = (part: object): string => Buffer.from(JSON.stringify(part)).toString("base64url");
  const subject = keys.getPublicKey();
  const text = [
    encoded({ typ: "JWT", alg: "ed25519-nkey" }),
    encoded({
      jti: "TEST",
      iat: Math.floor(Date.now() / 1000),
      iss: by.getPublicKey(),
      name: type,
      sub: subject,
      nats: { ...claims, type, version: 2 },
    }),
  ].join(".");
  return `${text}.${Buffer.from(by.sign(new TextEncoder().encode(text))).toString("base64url")}`;
}
