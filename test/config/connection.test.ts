import { expect, test } from "vitest";
import { interpretConnection } from "../../src/config/connection.ts";

const read = (raw = {}, httpsClient = {}, own = {}) => interpretConnection(raw, httpsClient, own);

test("what the keys say is taken, in milliseconds where it is a time", () => {
  const raw = { ServerCertificate: "/etc/server.crt", SkipVerify: true, RetryDownloadCount: 3 };
  const own = {
    IdleTimeoutSeconds: 20,
    DownloadRetryWaitSeconds: 0,
    RateLimitBytesPerSecond: 4096,
    MinBytesPerSecond: 8,
  };
  expect(read(raw, { Certificate: "/c.pem", Key: "/k.pem" }, own)).toEqual({
    serverCertificate: "/etc/server.crt",
    skipVerify: true,
    client: { certificate: "/c.pem", key: "/k.pem" },
    idleMs: 20_000,
    retryDownloadCount: 3,
    retryDownloadWaitMs: 0,
    bytesPerSecond: 4096,
    slowest: { bytesPerSecond: 8, overMs: 40_000 },
  });
});

test("an empty value stands for none", () => {
  const empty = read(
    { ServerCertificate: "" },
    { Certificate: "", Key: "", SSLEngine: "" },
    { RateLimitBytesPerSecond: 0 },
  );
  expect(empty).toEqual(read());
});

for (const half of [{ Certificate: "/c.pem" }, { Key: "/k.pem" }]) {
  test(`${Object.keys(half)} alone is an error`, () => {
    expect(() => read({}, half)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
}

for (const members of [{ Certificate: "/c.pem", Key: "pkcs11:object=key" }, { SSLEngine: "pkcs11" }]) {
  test(`a key that this agent cannot use is refused by name: ${JSON.stringify(members)}`, () => {
    expect(() => read({}, members)).toThrow(expect.objectContaining({ code: "KEY_ENGINE_UNSUPPORTED" }));
  });
}

for (const count of [0, 10_001]) {
  test(`RetryDownloadCount ${count} is out of range`, () => {
    expect(() => read({ RetryDownloadCount: count })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
}
