import { createPrivateKey, X509Certificate } from "node:crypto";
import { expect, test } from "vitest";
import { createIdentity } from "./certificate.ts";

test("a certificate that Node and OpenSSL read, signed by its own key", () => {
  const { key, certificate } = createIdentity();
  const read = new X509Certificate(certificate);
  expect(read.verify(read.publicKey)).toBe(true);
  expect(read.checkPrivateKey(createPrivateKey(key))).toBe(true);
  expect(read.subject).toBe("CN=Muster hub");
  expect(read.issuer).toBe(read.subject);
  expect(read.validFromDate.getTime()).toBeLessThan(Date.now());
  expect(read.validToDate.getTime()).toBeGreaterThan(Date.now());
});

test("each run has its own", () => {
  const [one, other] = [createIdentity(), createIdentity()].map(
    ({ certificate }) => new X509Certificate(certificate),
  );
  expect(one!.serialNumber).not.toBe(other!.serialNumber);
  expect(one!.fingerprint256).not.toBe(other!.fingerprint256);
});
