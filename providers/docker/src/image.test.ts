import { createServer, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import Docker from "dockerode";
import { afterEach, expect, test, vi } from "vitest";
import { base64, DockerHome } from "./docker-config.test.kit.ts";
import { type ImageOptions, provideImage } from "./image.ts";

/** An engine without images, as far as a pull needs one; the real dockerode talks to it. */
class PullingEngine implements AsyncDisposable {
  /** What it was shown for the registry, pull by pull. */
  readonly shown: unknown[] = [];
  readonly pulled: string[] = [];
  readonly docker: Docker;
  readonly #server: Server;

  private constructor(server: Server) {
    this.#server = server;
    const { port } = server.address() as AddressInfo;
    this.docker = new Docker({ host: "127.0.0.1", port, protocol: "http" });
  }

  /** @param refusal what the registry says to whom it does not know */
  static async start(refusal?: string): Promise<PullingEngine> {
    const server = createServer((request, response) => {
      const url = new URL(request.url!, "http://engine");
      if (url.pathname === "/images/create") {
        const header = request.headers["x-registry-auth"];
        engine.shown.push(header && JSON.parse(Buffer.from(String(header), "base64url").toString()));
        const step = refusal === undefined ? { status: "Pulling" } : { error: refusal, errorDetail: {} };
        if (refusal === undefined) engine.pulled.push(url.searchParams.get("fromImage")!);
        response.end(`${JSON.stringify(step)}\r\n`);
        return;
      }
      response.statusCode = engine.pulled.length > 0 ? 200 : 404;
      response.end(JSON.stringify({ message: "No such image", Config: { Labels: { of: "it" } } }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const engine = new PullingEngine(server);
    return engine;
  }

  provide(options: Partial<ImageOptions> = {}): Promise<unknown> {
    return provideImage(this.docker, {
      image: "ghcr.io/anna/flow",
      pull: "missing",
      registryAuth: undefined,
      address: "the test",
      signal: new AbortController().signal,
      log: () => undefined,
      ...options,
    });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#server.closeAllConnections();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}

afterEach(() => void vi.unstubAllEnvs());

/** From now on this process is somebody with that configuration. */
function become({ env }: DockerHome): void {
  for (const [name, value] of Object.entries(env)) vi.stubEnv(name, value);
}

test("an image is pulled with the login that the docker command has for its registry", async () => {
  using home = new DockerHome({ auths: { "ghcr.io": { auth: base64("anna:ü?>") } } });
  become(home);
  await using engine = await PullingEngine.start();
  expect(await engine.provide()).toEqual({ name: "ghcr.io/anna/flow", labels: { of: "it" } });
  expect(engine.pulled).toEqual(["ghcr.io/anna/flow"]);
  expect(engine.shown).toEqual([{ serveraddress: "ghcr.io", username: "anna", password: "ü?>" }]);
});

test("what the user gives counts alone", async () => {
  using home = new DockerHome({ auths: { "ghcr.io": { auth: base64("anna:x") } } });
  become(home);
  await using engine = await PullingEngine.start();
  const registryAuth = { serveraddress: "ghcr.io", username: "bert", password: "y" };
  await engine.provide({ registryAuth });
  expect(engine.shown).toEqual([registryAuth]);
});

test("an image that anybody may pull needs no login, and a broken one is told of", async () => {
  using home = new DockerHome({ credsStore: "gone" });
  become(home);
  await using engine = await PullingEngine.start();
  const lines: string[] = [];
  await engine.provide({ log: (line) => lines.push(line) });
  expect(engine.shown).toEqual([undefined]);
  expect(lines).toEqual([
    expect.stringMatching(
      /^Pulling the image ghcr\.io\/anna\/flow\. As nobody, since the login for ghcr\.io that .*config\.json has cannot be had: docker-credential-gone is not installed\.$/,
    ),
  ]);
});

test.each([
  [
    "nobody",
    {},
    'check its name; if it is a private one, "docker login ghcr.io" on this machine, or give registryAuth',
  ],
  [
    "somebody whose login is too old",
    { auths: { "ghcr.io": { auth: base64("anna:x") } } },
    'check its name, and that the login for ghcr.io of this machine may pull it: "docker login ghcr.io" renews it',
  ],
  ["somebody whose login cannot be had", { credsStore: "gone" }, "docker-credential-gone is not installed"],
])("a pull that is denied to %s says what to do", async (_, config, advice) => {
  using home = new DockerHome(config);
  become(home);
  await using engine = await PullingEngine.start("error from registry: denied");
  const error = await engine.provide().catch((thrown: unknown) => thrown);
  expect(error).toMatchObject({ code: "CLUSTER_START" });
  const { message } = error as Error;
  expect(message).toContain('The image "ghcr.io/anna/flow" cannot be pulled: ');
  expect(message).toContain(`${advice} (error from registry: denied).`);
});

test("a newer image that cannot be had is no reason to take the old one quietly", async () => {
  await using engine = await PullingEngine.start("error from registry: denied");
  engine.pulled.push("ghcr.io/anna/flow");
  await expect(engine.provide({ pull: "always" })).rejects.toThrow("cannot be pulled");
});
