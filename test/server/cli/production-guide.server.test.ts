import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { afterAll, beforeAll, expect, test } from "vitest";
import { runCommandLine } from "../../../server/cli/command-line.ts";
import { readConfig } from "../../../server/config/read-config.ts";
import { SETTINGS } from "../../../server/config/settings.ts";
import { emptyDatabase } from "../../support/server/test-server.ts";

let guide: string;
let folder: string;
beforeAll(async () => {
  guide = await readFile("docs/guides/server-production.md", "utf8");
  folder = await mkdtemp(join(tmpdir(), "production-"));
});
afterAll(() => rm(folder, { recursive: true }));

const blocks = (language: string): readonly string[] =>
  [...guide.matchAll(new RegExp(`^ *\`\`\`${language}\\n(.*?)^ *\`\`\`$`, "gms"))].map(([, text = ""]) => text);

test("the server takes the configuration of the guide", async () => {
  const [whole = "", mail = "", storage = ""] = blocks("yaml");
  const file = join(folder, "server.yaml");
  await writeFile(file, whole);
  const { config } = await readConfig({ flags: {}, environment: {}, file });
  expect(config).toMatchObject({ url: "https://ota.example.com", tls: { kind: "off" }, trustProxy: ["127.0.0.1"] });
  await writeFile(file, mail);
  expect((await readConfig({ flags: {}, environment: {}, file })).config.mail).toMatchObject({
    ...{ host: "mail.example.com", security: "starttls", login: { user: "switchback" } },
    from: { name: "Fleet", address: "fleet@example.com" },
  });
  const known = new Set<string>(SETTINGS.map(({ key }) => key));
  expect(Object.keys(load(storage) as object).filter((key) => !known.has(key))).toEqual([]);
  await writeFile(file, storage);
  expect((await readConfig({ flags: {}, environment: {}, file })).config.storage).toMatchObject({ kind: "s3" });
});

test("the commands of the guide do what it says, on a database that it has to itself", async () => {
  const [whole = ""] = blocks("yaml");
  const [first, spare] = [await emptyDatabase(), await emptyDatabase()];
  const file = join(folder, "real.yaml");
  const text = whole
    .replace(/^database: .*$/m, `database: ${first}`)
    .replace(/^storage: .*$/m, `storage: ${join(folder, "objects")}`);
  await writeFile(file, text);
  // Those of the package run in a Debian of their own: test/scripts/package/server-package.tools.test.ts. Those of the
  // image and of the chart are in test/deploy.
  const lines = blocks("text")
    .map((line) => line.trim())
    .filter((line) => !/^(?:apt-get|runuser|npm|helm) /.test(line));
  expect(lines.map((line) => line.split(" ")[1])).toEqual(["start", "backup", "restore", "migrate", "status"]);
  // A backup needs the schema, which the guide's server has made long before.
  for (const line of [lines[3], ...lines.slice(0, 3), lines[4]]) {
    const words = (line ?? "")
      .replaceAll("/etc/switchback-server/server.yaml", file)
      .replaceAll("/var/backups", folder)
      .replace(/postgresql:\S+/, spare)
      .replace("/srv/spare/objects", join(folder, "spare"))
      .split(" ")
      .slice(1);
    const said: string[] = [];
    const io = {
      out: () => undefined,
      err: (more: string) => void said.push(more),
      ...{ environment: {}, logTo: { write: () => undefined }, onSignal: () => undefined, exit: () => undefined },
      exitCode: 0,
    };
    await runCommandLine(words, io);
    expect([line, io.exitCode, said]).toEqual([line, 0, []]);
  }
});
