import type { ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { load } from "js-yaml";
import { afterAll, beforeAll, expect } from "vitest";
import { bundleFleet } from "../../scripts/lib/fleet-bundle.ts";
import { bundleServer } from "../../scripts/lib/server-bundle.ts";
import { environmentName, SETTINGS } from "../../server/config/settings.ts";
import { needs } from "../support/needs.ts";
import { freePort } from "../support/server/free-port.ts";
import { ServerImage } from "../support/server-image.ts";

const { test } = needs("root", "chroot", "mount", "namespaces");

let dist: string;
let image: ServerImage;
beforeAll(async () => {
  dist = mkdtempSync(join(tmpdir(), "switchback-dist-"));
  await Promise.all([bundleServer(join(dist, "server")), bundleFleet(join(dist, "fleet"))]);
  image = await ServerImage.build(dist);
});
afterAll(async () => {
  await image?.remove();
  rmSync(dist, { recursive: true, force: true });
});

/** What a program says until it is ready or ends. */
async function readyText(child: ChildProcess): Promise<string> {
  let text = "";
  for await (const chunk of child.stdout ?? []) {
    text += String(chunk);
    if (text.includes("is ready")) return text;
  }
  throw new Error(`it ended: ${text}`);
}

async function end(child: ChildProcess): Promise<void> {
  const ended = once(child, "close");
  child.kill("SIGTERM");
  child.stdout?.resume();
  await ended;
}

const statusOf = (url: string, ca: string): Promise<number | undefined> =>
  new Promise((resolve, reject) => {
    get(url, { ca, servername: "localhost" }, (response) => resolve(response.resume().statusCode)).on("error", reject);
  });

test("the image runs as a user of its own, with its own PostgreSQL, and what it keeps outlives it", async () => {
  expect(image.config).toMatchObject({ User: "10001:10001", ExposedPorts: { "8443/tcp": {} } });
  const port = await freePort();
  const env = { SWITCHBACK_LISTEN: `127.0.0.1:${port}`, SWITCHBACK_LOCAL_LISTEN: "off" };
  const first = image.start(env);
  expect(await readyText(first)).toMatch(/Made the tenant "default".*\n.*Password, shown only now: /);
  const ca = await image.run({}, "switchback-server", "ca");
  expect(await statusOf(`https://localhost:${port}/readyz`, ca.out)).toBe(200);
  const [kind, ...check] = image.config.Check;
  expect([kind, await image.run({}, ...check)]).toEqual(["CMD", expect.objectContaining({ status: 0 })]);
  const owners = readdirSync(image.data).map((name) => statSync(join(image.data, name)).uid);
  expect([...new Set(owners)]).toEqual([10_001]);
  await end(first);
  expect(await image.run({}, ...check)).toMatchObject({ status: 1 });
  const second = image.start(env);
  expect(await readyText(second)).not.toContain("Made the tenant");
  await end(second);
});

test("the guide builds the image as its Containerfile says, which is how this test builds it", () => {
  const [guide, file] = ["docs/guides/server-production.md", "deploy/Containerfile"].map((path) =>
    readFileSync(path, "utf8"),
  );
  const [command = ""] = /^podman build .*$/m.exec(guide ?? "") ?? [];
  expect(file).toContain(`#   ${command}\n`);
  expect(command).toBe("podman build --format docker --file deploy/Containerfile --tag switchback-server dist");
});

test("nothing but /data and /tmp can be written to", async () => {
  const write = (path: string) => image.run({}, "sh", "-c", `echo >${path}`);
  expect(await write("/usr/lib/switchback-server/x")).toMatchObject({ status: 2 });
  expect(await write("/data/x")).toMatchObject({ status: 0 });
});

test("the operators' command line is in the image", async () => {
  expect((await image.run({}, "switchback-fleet", "--version")).out).toMatch(/^\d/);
});

interface Compose {
  readonly services: Readonly<Record<string, { environment: Record<string, string>; volumes: readonly string[] }>>;
}

test("compose.yaml gives settings that there are, and its script makes a role that the server accepts", async () => {
  const { services } = load(readFileSync("deploy/compose.yaml", "utf8")) as Compose;
  const known = new Set(SETTINGS.map(({ key }) => environmentName(key)));
  expect(Object.keys(services["server"]?.environment ?? {}).filter((name) => !known.has(name))).toEqual([]);
  expect(services["database"]?.volumes).toContainEqual(expect.stringMatching(/^\.\/make-role\.sh:/));
  writeFileSync(join(image.data, "postgres-password"), "it's secret");
  const script = readFileSync("deploy/make-role.sh", "utf8");
  writeFileSync(join(image.data, "make-role.sh"), script.replaceAll("/run/secrets/", "/data/"));
  const done = await image.run(
    { PGHOST: "/data/sockets" },
    "sh",
    "-ec",
    `PATH=/usr/lib/postgresql/15/bin:$PATH
    mkdir -m 700 /data/sockets
    initdb --username postgres --auth trust --pgdata /data/other >/dev/null
    pg_ctl start --wait --silent --pgdata /data/other --log /data/log --options '-k /data/sockets -c listen_addresses='
    sh /data/make-role.sh
    switchback-server migrate --database 'postgresql://switchback:it%27s%20secret@/switchback?host=/data/sockets'
    pg_ctl stop --silent --pgdata /data/other`,
  );
  expect(done, done.out).toMatchObject({ status: 0 });
});
