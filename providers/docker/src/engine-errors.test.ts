import { expect, test } from "vitest";
import { explain, isGone, isPermanent } from "./engine-errors.ts";

/** What dockerode throws for an answer of the engine. */
function answer(statusCode: number, message: string): Error {
  return Object.assign(new Error(`(HTTP code ${statusCode}) unexpected - ${message} `), {
    statusCode,
    json: { message },
  });
}

const at = "/var/run/docker.sock";

test.each([
  [
    Object.assign(new Error("connect EACCES /var/run/docker.sock"), { code: "EACCES" }),
    'You may not use Docker\'s socket /var/run/docker.sock: become a member of the group "docker", or set DOCKER_HOST to an engine that is yours (connect EACCES /var/run/docker.sock)',
  ],
  [
    answer(500, "mkdir /var/lib/docker/overlay2/x: no space left on device"),
    'The disk of the Docker engine is full: "docker system prune" frees what nobody uses (mkdir /var/lib/docker/overlay2/x: no space left on device)',
  ],
  [
    answer(404, "network mine not found"),
    'The Docker engine has no network "mine": "docker network create mine" makes it',
  ],
  [answer(500, "something else."), "something else"],
])("%s becomes one sentence", (error, sentence) => {
  expect(explain(error, at)).toBe(sentence);
});

test("what the request itself got wrong stays wrong", () => {
  expect(isPermanent(answer(404, "No such image: none"))).toBe(true);
  expect(isPermanent(answer(500, "unable to find user nobody: no matching entries in passwd file"))).toBe(
    true,
  );
  expect(isPermanent(answer(500, "no space left on device"))).toBe(false);
});

test("what is gone need not be removed", () => {
  expect(isGone(answer(404, "No such container: x"))).toBe(true);
  expect(isGone(answer(409, "removal of container x is already in progress"))).toBe(true);
  expect(isGone(answer(500, "device or resource busy"))).toBe(false);
});
