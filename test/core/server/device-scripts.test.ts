import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { diskReads } from "../../../adapters/files/disk.ts";
import { createChildProcess } from "../../../adapters/process/child-process.ts";
import { readIdentity } from "../../../src/core/server/identity.ts";
import { collectInventory, sendInventory } from "../../../src/core/server/inventory.ts";
import { empty, refusal, token } from "../../support/answers.ts";
import { ScriptedServer } from "../../support/scripted-server.ts";
import { serverRig } from "./server-rig.ts";

const signal = new AbortController().signal;
const process = createChildProcess();
const withCode = (code: string) => expect.objectContaining({ code });

let folder: string;
const logged: string[] = [];
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "switchback-device-scripts-"));
  logged.length = 0;
});
afterEach(() => rm(folder, { recursive: true }));

async function script(name: string, body: string, mode = 0o755): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, `#!/bin/sh\n${body}\n`, { mode });
  return path;
}

describe("the identity script", () => {
  test("says who the device is: sorted by key, with values as they are and repeated ones as a list", async () => {
    const path = await script("id", "echo sn=1; echo mac=00:11; echo sn=2; echo eq=a=b; echo note >&2");
    expect(await readIdentity(process, path, signal)).toBe('{"eq":"a=b","mac":"00:11","sn":["1","2"]}');
  });

  test.each([
    ["says nothing", "true"],
    ["fails", "echo mac=1; exit 3"],
    ["says what is no pair", "echo mac=1; echo nonsense"],
    ["is killed", "kill -9 $$"],
  ])("that %s makes no identity", async (_what, body) => {
    const path = await script("id", body);
    await expect(readIdentity(process, path, signal)).rejects.toThrow(withCode("IDENTITY_FAILED"));
  });

  test("that is not there makes no identity", async () => {
    await expect(readIdentity(process, join(folder, "none"), signal)).rejects.toThrow(withCode("IDENTITY_FAILED"));
  });
});

const parts = (builtIn: Readonly<Record<string, string>> = {}) => ({
  process,
  reads: diskReads,
  folder,
  log: (level: string, message: string) => void logged.push(`${level}: ${message.replaceAll(`${folder}/`, "")}`),
  builtIn: async () => builtIn,
});
const collect = async (builtIn = {}): Promise<unknown> => JSON.parse(await collectInventory(parts(builtIn), signal));

describe("inventory scripts", () => {
  test("are joined and sorted; the agent knows better, and what several say becomes a list in their order", async () => {
    await script("mender-inventory-b", "echo ip=2; echo artifact_name=wrong");
    await script("mender-inventory-a", "echo ip=1; echo z=x=y");
    await script("other", "echo other=1");
    expect(await collect({ artifact_name: "v1" })).toEqual([
      { name: "artifact_name", value: "v1" },
      { name: "ip", value: ["1", "2"] },
      { name: "z", value: "x=y" },
    ]);
  });

  test("run side by side", async () => {
    // Each waits for the other: one after the other they would never end.
    for (const [me, other] of ["ab", "ba"]) {
      const wait = `until [ -e '${folder}/${other}' ]; do sleep 0.02; done`;
      await script(`mender-inventory-${me}`, `touch '${folder}/${me}'; ${wait}; echo ${me}=1`);
    }
    expect(await collect()).toHaveLength(2);
  });

  test("that fail do not count; after a line that is no pair only what came before it does", async () => {
    await script("mender-inventory-bad", "echo bad=1; exit 1");
    await script("mender-inventory-half", "echo half=1; echo nonsense; echo more=1");
    await script("mender-inventory-plain", "echo plain=1", 0o644);
    await mkdir(join(folder, "mender-inventory-folder"));
    await symlink("nowhere", join(folder, "mender-inventory-link"));
    expect(await collect()).toEqual([{ name: "half", value: "1" }]);
    expect(logged.toSorted()).toEqual([
      "warning: Inventory script mender-inventory-bad ended with 1, so its output is ignored",
      "warning: Inventory script mender-inventory-folder is not an executable file, so it does not run",
      "warning: Inventory script mender-inventory-half: ignoring its output from a line that is not key=value in UTF-8: nonsense",
      "warning: Inventory script mender-inventory-link is not an executable file, so it does not run",
      "warning: Inventory script mender-inventory-plain is not an executable file, so it does not run",
    ]);
  });

  test("that all fail are an error, and none at all are not", async () => {
    await script("mender-inventory-bad", "exit 1");
    await expect(collect({ artifact_name: "v1" })).rejects.toThrow(withCode("INVENTORY_FAILED"));
    await rm(join(folder, "mender-inventory-bad"));
    expect(await collect({ artifact_name: "v1" })).toEqual([{ name: "artifact_name", value: "v1" }]);
  });
});

test("an inventory is sent if it has changed, or after a new authorisation", async () => {
  const server = await ScriptedServer.start();
  try {
    server.answer("auth", token("t1")).answer("inventory", refusal(500), empty(200));
    const { session } = serverRig([server.url], join(folder, "key.pem"));
    const send = (version: string) => sendInventory(parts({ version }), session, signal);
    await expect(send("1")).rejects.toThrow(withCode("SERVER_STATUS"));
    for (const version of ["1", "1", "2", "2"]) await send(version);
    expect(server.conversation).toEqual(["auth", "inventory", "inventory", "inventory"]);
    expect(server.of("inventory")[2]?.body.toString()).toBe('[{"name":"version","value":"2"}]');
    await session.authorize(signal);
    await send("2");
    expect(server.conversation.slice(4)).toEqual(["auth", "inventory"]);
  } finally {
    await server.close();
  }
});
