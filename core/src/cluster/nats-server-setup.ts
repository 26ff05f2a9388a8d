import { randomBytes } from "node:crypto";
import { createIdentity } from "../base/certificate.ts";

export interface NatsServerSetupOptions {
  /** The run that it serves. */
  readonly runId: string;
  /** An address of its machine, and a port; -1: any that is free. `"127.0.0.1:-1"` */
  readonly listen: string;
  /** Where its files will be, on its machine; it stores in it, too. */
  readonly directory: string;
}

/** The main one of its files. */
export const NATS_CONFIG_FILE = "nats.conf";
const USER = "muster";

/**
 * What a server of NATS needs that serves one run, wherever it is started: JetStream, TLS with a certificate that is made
 * for the run, and one user. Neither `inspect` nor JSON shows a secret of it.
 */
export class NatsServerSetup {
  /** Who alone may come in. */
  readonly user = USER;
  readonly #secrets: {
    readonly password: string;
    readonly ca: string;
    readonly files: Readonly<Record<string, string>>;
  };

  constructor({ runId, listen, directory }: NatsServerSetupOptions) {
    const { key, certificate } = createIdentity({ name: `Muster ${runId}` });
    const password = randomBytes(24).toString("hex");
    const file = (name: string): string => JSON.stringify(`${directory}/${name}`);
    const config = [
      `server_name: ${JSON.stringify(`muster-${runId}`)}`,
      `listen: ${JSON.stringify(listen)}`,
      `jetstream { store_dir: ${file("store")} }`,
      // Many workers that come at once may take longer than the two seconds that strangers usually have.
      `tls { cert_file: ${file("cert.pem")}, key_file: ${file("key.pem")}, timeout: 20 }`,
      `authorization { users: [{ user: ${USER}, password: "${password}" }], timeout: 30 }`,
      // A driver whose flow computes for a while reads nothing meanwhile, and is not to be cut off for it.
      'write_deadline: "30s"',
      "max_pending: 256MB",
    ].join("\n");
    const files = { "cert.pem": certificate, "key.pem": key, [NATS_CONFIG_FILE]: config };
    this.#secrets = { password, ca: certificate, files };
  }

  get password(): string {
    return this.#secrets.password;
  }

  /** PEM of its certificate, which is the one to trust. */
  get ca(): string {
    return this.#secrets.ca;
  }

  /** What must be in its directory, by name, for nobody but the server to read. */
  get files(): Readonly<Record<string, string>> {
    return this.#secrets.files;
  }

  /** What whoever is to come in needs, as `EngineEndpoint.nats`. */
  get env(): Readonly<Record<string, string>> {
    const { user, password, ca } = this;
    return { MUSTER_NATS_USER: user, MUSTER_NATS_PASSWORD: password, MUSTER_NATS_CA: ca };
  }
}
