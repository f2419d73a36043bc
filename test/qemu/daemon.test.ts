import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { AGENT_COMMANDS } from "../../qemu/harness/agent-commands.ts";
import { daemonConfiguration, READ_CONFIGURATION, startDaemonWith } from "../../qemu/harness/daemon.ts";

const configured = (main: object | string, fallback: object | string = "") => {
  const text = [main, fallback].map((each) => (typeof each === "string" ? each : JSON.stringify(each)));
  return JSON.parse(daemonConfiguration(`${text[0]}\n\0\n${text[1]}`, "http://10.0.2.2:80"));
};

test("the copy of the configuration keeps everything but the server, and polls often", () => {
  const main = {
    ...{ RootfsPartA: "/dev/a", RootfsPartB: "/dev/b", UpdatePollIntervalSeconds: 1800, TenantToken: "t" },
    ...{ Servers: [{ ServerURL: "https://a" }], ServerCertificate: "/c", HttpsClient: { Key: "k" } },
    Switchback: { Bootloader: "grub" },
  };
  expect(configured(main, { RootfsPartB: "/dev/x", serverurl: "https://b", DeviceTypeFile: "/t" })).toEqual({
    ...{ RootfsPartA: "/dev/a", RootfsPartB: "/dev/b", DeviceTypeFile: "/t", TenantToken: "t" },
    ...{ ServerURL: "http://10.0.2.2:80", UpdatePollIntervalSeconds: 5, InventoryPollIntervalSeconds: 60 },
    RetryPollIntervalSeconds: 5,
    Switchback: { Bootloader: "grub", AllowPlainHttp: true, DownloadRetryWaitSeconds: 2 },
  });
});

test("an image may have one configuration or none, and a damaged one is an error", () => {
  expect(configured("", { RootfsPartA: "/dev/a" })).toMatchObject({ RootfsPartA: "/dev/a" });
  expect(configured("")).toMatchObject({ ServerURL: "http://10.0.2.2:80" });
  expect(() => configured('{"RootfsPartA":')).toThrow(SyntaxError);
});

test("the lines of shell are valid, and name the file of the configuration", () => {
  for (const agent of Object.values(AGENT_COMMANDS)) {
    const script = startDaemonWith(agent);
    execFileSync("sh", ["-n"], { input: `${READ_CONFIGURATION}\n${script}` });
    expect(script).toMatch(/--config (\/var\/lib\/mender\/switchback-qemu\.conf) --fallback-config \1 daemon; sleep/);
  }
});
