import Docker from "dockerode";

/** The engine that DOCKER_HOST names, or this machine's. */
export const docker = new Docker();

const filters = (runId: string) => ({ label: [`muster.run=${runId}`] });

/** The names of all containers of a run, in whatever state. */
export async function containersOf(runId: string): Promise<string[]> {
  const containers = await docker.listContainers({ all: true, filters: filters(runId) });
  return containers.map(({ Names: names, State: state }) => `${names[0]} (${state})`);
}

/** Does something to each of them. */
export async function withContainersOf(
  runId: string,
  act: (container: Docker.Container, labels: Record<string, string>) => Promise<unknown> | undefined,
): Promise<void> {
  const containers = await docker.listContainers({ all: true, filters: filters(runId) });
  await Promise.all(containers.map(({ Id: id, Labels: labels }) => act(docker.getContainer(id), labels)));
}

/** What a command prints in a container of its own. */
export async function runInContainer(command: string[]): Promise<string> {
  const container = await docker.createContainer({
    Image: "node:24-bookworm-slim",
    Entrypoint: command,
    Cmd: [],
    Tty: true,
  });
  try {
    const ended = container.wait({ condition: "next-exit" });
    await container.start();
    await ended;
    return (await container.logs({ follow: false, stdout: true, stderr: true })).toString();
  } finally {
    await container.remove({ force: true });
  }
}
