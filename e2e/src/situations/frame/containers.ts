import Docker from "dockerode";

/** The engine that DOCKER_HOST names, or this machine's. */
export const docker = new Docker();

const listWith = (label: string, value: string) =>
  docker.listContainers({ all: true, filters: { label: [`${label}=${value}`] } });

/** A line for each container with that label, in whatever state. */
export async function containersWith(label: string, value: string): Promise<string[]> {
  const containers = await listWith(label, value);
  return containers.map(({ Names: names, State: state }) => `container ${names[0]} (${state})`);
}

export async function removeContainersWith(label: string, value: string): Promise<void> {
  for (const { Id: id } of await listWith(label, value)) {
    await docker
      .getContainer(id)
      .remove({ force: true })
      // It is being removed already.
      .catch(() => {});
  }
}
