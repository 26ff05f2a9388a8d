import { expect, test } from "vitest";
import { withoutCredentials } from "./without-credentials.ts";

test("credentials are cut from addresses, and nothing else is", () => {
  expect(withoutCredentials("nats://me:secret@a:1,tls://token@b:2")).toBe("nats://a:1,tls://b:2");
  expect(withoutCredentials("tcp://127.0.0.1:40123?pid=1")).toBe("tcp://127.0.0.1:40123?pid=1");
  expect(withoutCredentials("nats://ann:s3@cr,et@a")).toBe("nats://a");
});
