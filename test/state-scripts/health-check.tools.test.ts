import { access, mkdir, symlink } from "node:fs/promises";
import { createServer, type Server } from "node:http";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createScriptDevice, type ScriptDevice } from "./script-device.ts";

const QUICK = "tries=3 pause_seconds=0";

let device: ScriptDevice;
let server: Server;
/** The statuses of the server's answers, in order; it repeats the last one. */
let statuses: number[] = [];
let address = "";
beforeEach(async () => {
  device = await createScriptDevice();
  server = createServer((_request, response) => {
    const status = statuses.length > 1 ? statuses.shift() : statuses[0];
    response.writeHead(status ?? 500, { connection: "close" }).end("body");
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const bound = server.address();
  address = `http://127.0.0.1:${typeof bound === "object" ? bound?.port : ""}/health`;
});
afterEach(async () => {
  server.close();
  await device.remove();
});

const run = (config: string, env = {}) =>
  device.run("artifact/ArtifactCommit_Enter_50_health-check", `${QUICK}\n${config}`, env);

test("without a configured check, the update is committed", async () => {
  expect(await run("")).toEqual({ exitCode: 0, said: "health-check: all is fine at try 1\n" });
});

test("an address that finally answers with 200 passes", async () => {
  statuses = [503, 500, 200];
  expect(await run(`urls=${address}`)).toMatchObject({ exitCode: 0, said: expect.stringContaining("at try 3") });
});

for (const status of [404, 500]) {
  test(`an address that keeps answering with ${status} rolls the update back`, async () => {
    statuses = [status];
    const { exitCode, said } = await run(`urls=${address}`);
    expect(exitCode).toBe(1);
    expect(said).toContain(`address ${address} is not fine after 3 tries; the update is rolled back`);
  });
}

test("wget replaces curl if curl is missing", async () => {
  for (const program of ["sh", "wget", "sleep"]) await symlinkProgram(program);
  const PATH = join(device.dir, "bin");
  statuses = [200];
  expect((await run(`urls=${address}`, { PATH })).exitCode).toBe(0);
  statuses = [500];
  expect((await run(`urls=${address}`, { PATH })).exitCode).toBe(1);
});

test("without curl and wget, an address fails", async () => {
  for (const program of ["sh", "sleep"]) await symlinkProgram(program);
  statuses = [200];
  const { exitCode, said } = await run(`urls=${address}`, { PATH: join(device.dir, "bin") });
  expect(exitCode).toBe(1);
  expect(said).toContain("neither curl nor wget is installed");
});

test("every unit must be active", async () => {
  await device.program("systemctl", 'test "$1 $2" = "is-active --quiet" && test -e "$dir/active-$3"');
  await device.write("active-app.service", "");
  expect((await run('units="app.service"')).exitCode).toBe(0);
  const { exitCode, said } = await run('units="app.service web.service"');
  expect(exitCode).toBe(1);
  expect(said).toContain("unit web.service");
});

test("every command must succeed, and none consumes the list of the others", async () => {
  expect((await run(`commands='cat\ntest -d "$dir"\n'`)).exitCode).toBe(0);
  const { exitCode, said } = await run(`commands='cat\ntest -e "$dir/missing"\ntrue'`);
  expect(exitCode).toBe(1);
  expect(said).toContain(`command 'test -e "$dir/missing"'`);
});

test("all checks must pass in the same round", async () => {
  statuses = [200, 500, 200];
  // The command is fine at the second try only, at which the address is not.
  const command = `echo x >> "$dir/tries"; test "$(wc -l < "$dir/tries")" -ne 1`;
  const { exitCode, said } = await run(`urls=${address}\ncommands='${command}'`);
  expect(exitCode).toBe(0);
  expect(said).toContain("at try 3");
});

async function symlinkProgram(name: string): Promise<void> {
  await mkdir(join(device.dir, "bin"), { recursive: true });
  for (const folder of (process.env["PATH"] ?? "").split(":")) {
    try {
      await access(join(folder, name));
    } catch {
      // ignored: it is in another folder.
      continue;
    }
    await symlink(join(folder, name), join(device.dir, "bin", name));
    return;
  }
  throw new Error(`${name} is not installed`);
}
