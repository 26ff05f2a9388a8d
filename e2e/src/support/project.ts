import { mkdir, mkdtemp, realpath, rm, symlink, writeFile } from "node:fs/promises";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

const require = createRequire(import.meta.url);

/** A user's project: a directory outside of this repository, in which Muster is installed. */
export class Project implements AsyncDisposable {
  readonly directory: string;

  private constructor(directory: string) {
    this.directory = directory;
  }

  /** @param files texts by path */
  static async make(files: Readonly<Record<string, string>>): Promise<Project> {
    const project = new Project(await realpath(await mkdtemp(join(tmpdir(), "muster-project-"))));
    for (const name of ["@muster/core", "@muster/docker", "@muster/local"]) {
      const installed = dirname(require.resolve(`${name}/package.json`));
      await project.#link(name, installed);
    }
    for (const [path, text] of Object.entries({ "package.json": '{ "type": "module" }', ...files })) {
      await project.write(path, text);
    }
    return project;
  }

  path(name: string): string {
    return join(this.directory, name);
  }

  async write(name: string, text: string): Promise<void> {
    await mkdir(dirname(this.path(name)), { recursive: true });
    await writeFile(this.path(name), text);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await rm(this.directory, { recursive: true, force: true });
  }

  async #link(name: string, target: string): Promise<void> {
    const link = this.path(join("node_modules", name));
    await mkdir(dirname(link), { recursive: true });
    await symlink(target, link, "dir");
  }
}
