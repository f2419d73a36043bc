import { createPublicKey, verify } from "node:crypto";
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { BENCH_DEVICE_TYPE, makeImage } from "../../../scripts/lib/client-board.ts";
import { VERSION } from "../../../src/version.ts";
import { needs } from "../../support/needs.ts";
import type { Recorded } from "../../support/scripted-server.ts";
import { type Conversation, converse, type NewSystem } from "./conversation.ts";
import { theirs } from "./run-tools.ts";

const DAEMONS = {
  real: ["mender", "-c", "/etc/mender/mender.conf", "-d", "/data", "--no-syslog", "daemon"],
  ours: ["node", "/project/dist/switchback.mjs", "-d", "/data", "daemon"],
} as const;
type Client = keyof typeof DAEMONS;

/** A line that both daemons send, or only one of them, with the row of docs/compatibility.md that gives the reason. */
type Line = readonly [who: Client | "both", said: string, why?: string];

const MAPS = "update control maps";
const SUBSTATES = "state scripts that run";
const REPEATED = "`downloading`";
const UNCHANGED = "inventory that has not changed";
const CONTENT = "inventory of the agent itself";
const KEPT_TOKEN = "token, after a restart";
const REBOOT_BACK = "reboot at the end of a rollback";

const FROM_THE_START_TO_THE_INSTALLATION: readonly Line[] = [
  ["both", "auth id_data pubkey tenant_token"],
  ["both", "inventory artifact_name=release-0 device_type mender_client_version"],
  ["real", "next artifact_name=release-0 device_type +update_control_map", MAPS],
  ["ours", "next artifact_name=release-0 device_type", MAPS],
  ["both", "status downloading"],
  ["both", "/release-1.mender"],
  ["real", "status downloading", REPEATED],
  ["real", "status downloading", REPEATED],
];
const AFTER_THE_FAILURE: readonly Line[] = [
  ["both", "status failure"],
  ["both", "log"],
  ["real", "inventory artifact_name=release-0 device_type mender_client_version", UNCHANGED],
  ["real", "next artifact_name=release-0 device_type +update_control_map", MAPS],
  ["ours", "next artifact_name=release-0 device_type", MAPS],
];
const RELEASE_1 = "artifact_name=release-1 device_type";
const IMAGE = "rootfs-image.checksum rootfs-image.version";

interface Scenario {
  readonly name: string;
  readonly failingScripts: readonly string[];
  readonly newSystem: NewSystem;
  readonly lines: readonly Line[];
}

const SCENARIOS: readonly Scenario[] = [
  {
    name: "an update that is committed",
    failingScripts: [],
    newSystem: "comes up",
    lines: [
      ...FROM_THE_START_TO_THE_INSTALLATION,
      ["both", "status installing"],
      ["both", "status rebooting"],
      ["both", "(reboots)"],
      ["both", "auth id_data pubkey tenant_token"],
      ["both", "status installing"],
      ["both", "status success"],
      ["real", `inventory ${RELEASE_1} mender_client_version`, CONTENT],
      ["ours", `inventory ${RELEASE_1} mender_client_version ${IMAGE}`, CONTENT],
      ["real", `next ${RELEASE_1} ${IMAGE} +update_control_map`, MAPS],
      ["ours", `next ${RELEASE_1} ${IMAGE}`, MAPS],
    ],
  },
  {
    name: "an update whose system does not come up",
    failingScripts: [],
    newSystem: "hangs",
    lines: [
      ...FROM_THE_START_TO_THE_INSTALLATION,
      ["both", "status installing"],
      ["both", "status rebooting"],
      ["both", "(reboots)"],
      ["real", "(reboots)", REBOOT_BACK],
      ["real", "auth id_data pubkey tenant_token", KEPT_TOKEN],
      ...AFTER_THE_FAILURE,
    ],
  },
  {
    name: "an update whose state script fails",
    failingScripts: ["ArtifactInstall_Enter_10"],
    newSystem: "comes up",
    lines: [
      ...FROM_THE_START_TO_THE_INSTALLATION,
      ["ours", "status installing", SUBSTATES],
      ["real", "status installing (Executing script: ArtifactInstall_Enter_10)", SUBSTATES],
      ["real", "status installing (finished executing script: ArtifactInstall_Enter_10)", SUBSTATES],
      ["real", "(reboots)", REBOOT_BACK],
      ["real", "auth id_data pubkey tenant_token", KEPT_TOKEN],
      ...AFTER_THE_FAILURE,
    ],
  },
];

let dir: string;
beforeAll(() => {
  dir = mkdtempSync(join(tmpdir(), "switchback-conversation-"));
  mkdirSync(join(dir, "stage"));
  makeImage(join(dir, "image.ext4"), 8, join(dir, "stage"));
});
afterAll(() => rmSync(dir, { recursive: true, force: true }));

/** An Artifact made by the real tool. */
function artifact(failingScripts: readonly string[]): string {
  const path = join(dir, "release-1.mender");
  const scripts = failingScripts.flatMap((script) => {
    writeFileSync(join(dir, script), "#!/bin/sh\nexit 1\n", { mode: 0o755 });
    return ["-s", join(dir, script)];
  });
  const options = ["-t", BENCH_DEVICE_TYPE, "-n", "release-1", "-f", join(dir, "image.ext4"), "--no-progress"];
  theirs("write", "rootfs-image", ...options, ...scripts, "-o", path);
  return path;
}

for (const { name, failingScripts, newSystem, lines } of SCENARIOS) {
  needs("namespaces").test(
    `${name}: both daemons send the same requests in the same order, except for the listed differences`,
    async () => {
      const release = artifact(failingScripts);
      for (const client of ["real", "ours"] as const) {
        const said = lines.filter(([who]) => who === "both" || who === client).map(([, line]) => line);
        const heard = await converse(DAEMONS[client], release, newSystem);
        expect(heard.lines, client).toEqual(said);
        expectHeaders(client, heard);
        for (const request of heard.requests) expectSigned(request);
      }
    },
  );
}

/** Sorted headers by request; only the name if the value differs each time. */
const HEADERS: Readonly<Record<Client, Readonly<Record<string, string>>>> = {
  real: {
    auth_requests:
      "accept-encoding=gzip, authorization=Bearer tenant, content-length, content-type=application/json, user-agent=Go-http-client/1.1, x-men-signature",
    "release-1.mender": "accept-encoding=gzip, user-agent=Go-http-client/1.1",
    others:
      "accept-encoding=gzip, authorization=Bearer t1, content-type=application/json, transfer-encoding=chunked, user-agent=Go-http-client/1.1",
  },
  ours: {
    auth_requests:
      "accept=application/json, connection=close, content-length, content-type=application/json, user-agent=OURS, x-men-signature",
    "release-1.mender": "connection=close",
    others:
      "accept=application/json, authorization=Bearer t1, connection=close, content-length, content-type=application/json, user-agent=OURS",
  },
};
const HEADER_ROWS = [
  "framing of a body",
  "`Authorization` before the device is accepted",
  "`User-Agent`",
  "connections",
];
const VOLATILE = new Set(["content-length", "x-men-signature"]);

function expectHeaders(client: Client, { requests }: Conversation): void {
  for (const { path, headers } of requests) {
    const { host: _, ...sent } = headers;
    const names = Object.keys(sent).sort();
    const shown = names.map((name) => (VOLATILE.has(name) ? name : `${name}=${sent[name]}`)).join(", ");
    const expected = HEADERS[client][path.split("/").at(-1) ?? ""] ?? HEADERS[client]["others"];
    expect(shown, `${client}: ${path}`).toBe(expected?.replace("OURS", `Switchback/${VERSION}`));
  }
}

/** The request for a token must be signed with the key that it contains, over exactly the bytes that were sent. */
function expectSigned({ path, headers, body }: Recorded): void {
  if (!path.endsWith("/auth_requests")) return;
  const key = createPublicKey(JSON.parse(body.toString()).pubkey);
  const signature = Buffer.from(String(headers["x-men-signature"]), "base64");
  expect(verify(key.asymmetricKeyType === "rsa" ? "sha256" : null, body, key, signature)).toBe(true);
}

test("every difference has its row in the manual", () => {
  const rows = readFileSync("docs/compatibility.md", "utf8").split("\n");
  const reasons = SCENARIOS.flatMap(({ lines }) => lines).flatMap(([who, said, why]) => {
    expect(why === undefined, said).toBe(who === "both");
    return why ?? [];
  });
  for (const subject of new Set([...reasons, ...HEADER_ROWS])) {
    expect(
      rows.filter((line) => line.startsWith(`| ${subject} |`)),
      subject,
    ).toHaveLength(1);
  }
});
