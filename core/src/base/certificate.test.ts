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

test("one that an authority signed stands for its hosts, and for no others", () => {
  const authority = createIdentity({ name: "an authority", isAuthority: true });
  const { certificate } = createIdentity({
    name: "a server",
    hosts: ["nats.example", "10.1.2.3"],
    issuer: authority,
  });
  const read = new X509Certificate(certificate);
  const issuer = new X509Certificate(authority.certificate);
  expect(issuer.ca).toBe(true);
  expect(read.ca).toBe(false);
  expect(read.checkIssued(issuer)).toBe(true);
  expect(read.verify(issuer.publicKey)).toBe(true);
  expect(read.subject).toBe("CN=a server");
  expect(read.subjectAltName).toBe("DNS:nats.example, IP Address:10.1.2.3");
  expect(read.checkHost("nats.example")).toBe("nats.example");
  expect(read.checkHost("other.example")).toBeUndefined();
  expect(read.checkIP("10.1.2.3")).toBe("10.1.2.3");
});
