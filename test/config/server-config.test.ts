import { describe, expect, test } from "vitest";
import type { Raw } from "../../src/config/config-file.ts";
import { interpretServer, type ServerConfig, serverAddresses } from "../../src/config/server-config.ts";

const logged: string[] = [];
const interpret = (raw: Raw): ServerConfig =>
  interpretServer(
    raw,
    (key, standard) => (raw[key] as number) || standard,
    (level, message) => logged.push(`${level}: ${message}`),
  );

describe("servers", () => {
  test("lose the slash at their end, keep a path in front of the API, and stand in the list once", () => {
    expect(interpret({ ServerURL: "https://one.example/" }).urls).toEqual(["https://one.example"]);
    const Servers = ["https://a.example/prefix/", "https://b.example", "https://a.example/prefix"];
    expect(interpret({ Servers: Servers.map((ServerURL) => ({ ServerURL })) }).urls).toEqual([
      "https://a.example/prefix",
      "https://b.example",
    ]);
  });

  test("are found in any case", () => {
    expect(interpret({ Servers: [{ serverurl: "https://a.example" }] }).urls).toEqual(["https://a.example"]);
  });

  test("and ServerURL exclude each other", () => {
    const both = { ServerURL: "https://a.example", Servers: [{ ServerURL: "https://b.example" }] };
    expect(() => interpret(both)).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });

  test.each(["ftp://a.example", "a.example", "https://"])("that are no address are refused: %s", (ServerURL) => {
    expect(() => interpret({ ServerURL })).toThrow(expect.objectContaining({ code: "CONFIG_INVALID" }));
  });
});

describe("plain http", () => {
  const addresses = (url: string, isAllowed = false) => serverAddresses(interpret({ ServerURL: url }), isAllowed);

  test.each(["http://localhost:8080", "http://127.0.0.1", "http://127.8.9.1:1/p", "http://[::1]:80"])(
    "to this very machine is taken: %s",
    (url) => {
      expect(addresses(url)).toEqual([url]);
    },
  );

  test.each(["http://a.example", "http://127.0.0.1.a.example", "http://10.0.0.1", "http://localhost.a.example"])(
    "to anywhere else is refused unless it is allowed: %s",
    (url) => {
      expect(() => addresses(url)).toThrow(expect.objectContaining({ code: "SERVER_PLAIN_HTTP" }));
      expect(addresses(url, true)).toEqual([url]);
    },
  );

  test("is no question where no server is named", () => {
    expect(() => addresses("")).toThrow(expect.objectContaining({ code: "SERVER_NOT_CONFIGURED" }));
  });
});

test.each([{ SSLEngine: "pkcs11" }, { AuthPrivateKey: "pkcs11:object=key" }])(
  "a device key in a hardware token is refused: %j",
  (Security) => {
    expect(() => interpret({ Security })).toThrow(expect.objectContaining({ code: "KEY_ENGINE_UNSUPPORTED" }));
  },
);

test("keys of managed mode are read, and trimmed where people paste", () => {
  const raw = {
    TenantToken: " abc\n",
    Security: { AuthPrivateKey: "/k.pem" },
    UpdatePollIntervalSeconds: 5,
    InventoryPollIntervalSeconds: 6,
    RetryPollIntervalSeconds: 7,
    RetryPollCount: 8,
    DaemonLogLevel: "Warn",
  };
  expect(interpret(raw)).toEqual({
    urls: [],
    tenantToken: "abc",
    authPrivateKey: "/k.pem",
    updatePollSeconds: 5,
    inventoryPollSeconds: 6,
    retryPollSeconds: 7,
    retryPollCount: 8,
    daemonLogLevel: "warning",
  });
});
