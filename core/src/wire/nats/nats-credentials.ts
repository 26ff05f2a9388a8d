import type { AddressCredentials } from "./nats-address.ts";
import { contentOf, type Found, type NatsSources, type TextName, wrong } from "./nats-sources.ts";

/** Who this program is. */
export type NatsCredentials =
  | AddressCredentials
  | { readonly kind: "nkey"; readonly seed: string }
  | { readonly kind: "creds"; readonly content: string };

/** Each kind, and the options that it is made of. */
const KINDS = {
  user: ["user", "password"],
  token: ["token"],
  nkey: ["nkey"],
  creds: ["creds"],
} as const satisfies Record<NatsCredentials["kind"], readonly TextName[]>;
type Kind = keyof typeof KINDS;

const USER_SEED = /^SU[A-Z2-7]{56}$/;
const CREDS = {
  begins: /-----BEGIN NATS USER JWT-----/,
  what: 'the credentials, "-----BEGIN NATS USER JWT-----" and what follows',
};

/**
 * Who this is: as the options or the address say it, or else as the environment does.
 * @throws InvalidOptionError when it is said in more than one way
 */
export function findCredentials(
  sources: NatsSources,
  inAddress: AddressCredentials | undefined,
): NatsCredentials | undefined {
  const options = givenKinds((name) => sources.option(name));
  const [given] = options.values();
  if (inAddress !== undefined) {
    if (given === undefined) return inAddress;
    throw wrong(given.from, `There are credentials in the address and in ${given.from}: give them once`);
  }
  const kinds = given === undefined ? givenKinds((name) => sources.variable(name)) : options;
  const [kind, ...others] = kinds.keys();
  if (kind === undefined) return undefined;
  if (others.length > 0) {
    const names = [...kinds.values()].map(({ from }) => from);
    throw wrong(names[0]!, `${names.join(" and ")} are different ways to say who this is: give one of them`);
  }
  return ofKind(kind, sources);
}

function givenKinds(find: (name: TextName) => Found | undefined): Map<Kind, Found> {
  const kinds = Object.entries(KINDS) as [Kind, readonly TextName[]][];
  return new Map(
    kinds.flatMap(([kind, names]) => {
      const [first] = names.flatMap((name) => find(name) ?? []);
      return first === undefined ? [] : [[kind, first] as const];
    }),
  );
}

function ofKind(kind: Kind, sources: NatsSources): NatsCredentials {
  switch (kind) {
    case "user": {
      const [user, password] = [sources.find("user"), sources.find("password")];
      if (user !== undefined && password !== undefined)
        return { kind, user: user.text, password: password.text };
      const [one, missing] = user === undefined ? [password!, "user"] : [user, "password"];
      throw wrong(one.from, `${one.from} is given without a ${missing}: give both`);
    }
    case "token":
      return { kind, token: sources.find("token")!.text };
    case "nkey": {
      const { text, from } = sources.find("nkey")!;
      if (USER_SEED.test(text.trim())) return { kind, seed: text.trim() };
      throw wrong(
        from,
        `${from} must be the seed of a user's nkey: SU, and 56 more capital letters and digits`,
      );
    }
    case "creds":
      return { kind, content: contentOf(sources.find("creds")!, CREDS).text };
  }
}
