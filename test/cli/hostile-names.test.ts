import { cp, mkdir, writeFile } from "node:fs/promises";
import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { afterEach, beforeAll, beforeEach, expect, test } from "vitest";
import { artifact, gnuLongName, HEADER_INFO, pax, TYPE_INFO, tar } from "../artifact/odd-artifacts.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { selfSigned } from "../support/self-signed.ts";
import { BOARD_TYPE, TestBoard } from "../support/test-board.ts";
import { toyModule } from "./adapter/toy.ts";
import { EVIL, expectTame } from "./hostile.ts";

let program: BuiltProgram;
let board: TestBoard;
beforeAll(async () => {
  program = await BuiltProgram.build();
});
beforeEach(async () => {
  board = await TestBoard.make();
});
afterEach(() => board.remove());

interface Said {
  readonly exitCode: number | null;
  readonly text: string;
}

/** Runs the built program, and checks each byte of its output. */
async function run(...argv: readonly string[]): Promise<Said> {
  const { exitCode, out, err } = await program.run(...argv);
  expectTame([...out, ...err]);
  return { exitCode, text: [...out, ...err].join("\n") };
}
const agent = (...argv: readonly string[]): Promise<Said> => run(...board.options, ...argv);

/** One promise of an adapter is enough here. */
const ONE = ["--only", "arming plans the other slot"];
/** The escaped form of a hostile text. */
const SHOWN = "\\x1b[2J\\x0aFORGED=1";

test.each([
  ["control characters and what turns the direction of writing", `a${EVIL}b.example`],
  ["a NUL", "good.example\0.evil.example"],
])("the names in a server's certificate are shown escaped: %s", async (_, address) => {
  const { key, cert } = selfSigned({ address });
  const server = createServer({ key, cert }, (_request, response) => void response.end());
  server.on("tlsClientError", () => undefined);
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  try {
    await mkdir(board.path("share/identity"));
    await writeFile(board.path("share/identity/mender-device-identity"), "#!/bin/sh\necho mac=1\n", { mode: 0o755 });
    await writeFile(board.file("ca.pem"), cert);
    await board.configure({ ServerURL: url, ServerCertificate: board.file("ca.pem") });
    for (const argv of [["bootstrap"], ["doctor"], ["doctor", "--json"]]) {
      const { exitCode, text } = await agent(...argv);
      expect([argv, exitCode, text]).toEqual([argv, 1, expect.stringContaining("altnames")]);
    }
  } finally {
    server.close();
    server.closeAllConnections();
  }
});

const SAY = `printf '\\033[2J\\nFORGED=1\\r\\302\\233\\n' >&2; printf '\\033c \\302\\233\\n\\033[2J\\000\\377\\n'`;

test.each([
  ["says more than its answer", `${SAY}; echo "switchback-adapter 1 bootloader x\\033[2J"; echo ok`],
  ["names an error", `${SAY}; printf 'error BOOTENV_READ \\033[2J\\302\\233\\n'; exit 1`],
  ["names an error that is none", `printf 'error X\\033[2J\\302\\233 \\r y\\n'; exit 1`],
])("what an adapter's program prints is shown escaped: one that %s", async (_, body) => {
  const path = board.file("adapter");
  await writeFile(path, `#!/bin/sh\n${body}\n`, { mode: 0o755 });
  await board.configure({
    Switchback: { Bootloader: "adapter", BootloaderAdapter: path, Board: board.dir },
  });
  const check = ["adapter", "check", path, ...ONE];
  for (const argv of [check, ["doctor"]]) expect((await agent(...argv)).exitCode).toBe(1);
});

test("what an adapter's module throws is shown escaped", async () => {
  const evil = JSON.stringify(EVIL).replaceAll("\u2028", "\\u2028");
  for (const thrown of [
    `new Error(${evil})`,
    evil,
    `Object.assign(new Error("x"), { code: ${evil}, name: ${evil} })`,
  ]) {
    await writeFile(board.file("toy.mjs"), toyModule({ plan: `throw ${thrown};` }));
    expect((await agent("adapter", "check", board.file("toy.mjs"), ...ONE)).exitCode).toBe(1);
  }
});

const MODULE_HEADER = { ...HEADER_INFO, payloads: [{ type: "evil" }] };

test.each([
  ["an odd name", [{ name: `x${EVIL}`, content: "x" }]],
  ["half a surrogate pair, which is no UTF-8", [{ name: "x\u00ed\u00a0\u0080", content: "x" }]],
  ["a long odd name", [gnuLongName(`${"x".repeat(120)}${EVIL}`), { name: "x", content: "x" }]],
  ["an odd name in a PAX header", [pax({ path: `x${EVIL}` }), { name: "x", content: "x" }]],
  ["an odd path", [{ name: `../${EVIL}`, content: "x" }]],
  [
    "a link to an odd place",
    [{ name: "x", type: "2", change: (block: Buffer) => void block.write(EVIL, 157, "utf8") }],
  ],
])("names of files in an Artifact are shown escaped, or refused: %s", async (_, data) => {
  await mkdir(board.path("share/modules/v3"), { recursive: true });
  const module = "#!/bin/sh\ncase $1 in Download) ls files streams 2>/dev/null; cat stream-next ;; esac\n";
  await writeFile(board.path("share/modules/v3/evil"), module, { mode: 0o755 });
  const path = board.file("odd.mender");
  await writeFile(path, artifact({ headerInfo: MODULE_HEADER, typeInfo: { ...TYPE_INFO, type: "evil" }, data }));
  for (const argv of [["artifact", "read"], ["install"]]) await agent(...argv, path);
  for (const name of ["headers", "scripts"]) {
    const header = [
      { name: "header-info", content: "{}" },
      { name: `${name}/x${EVIL}`, content: "x" },
    ];
    await writeFile(path, artifact({ header }));
    expect((await agent("install", path)).exitCode).toBe(1);
  }
  await writeFile(path, tar([{ name: `version${EVIL}`, content: "x" }]));
  expect((await agent("artifact", "read", path)).exitCode).toBe(1);
});

test("folders with odd names on the command line are shown escaped where everything goes well", async () => {
  const odd = board.file(`odd${EVIL}`);
  await mkdir(odd);
  const inOdd = (name: string): string => join(odd, name);
  const created = await run("board", "create", inOdd("b"), "--slot-size", "256K");
  expect(created).toEqual({ exitCode: 0, text: expect.stringContaining(SHOWN) });
  for (const argv of [
    ["board", "boot"],
    ["board", "status"],
  ])
    expect((await run(...argv, inOdd("b"))).exitCode).toBe(0);
  const image = await run("board", "image", inOdd("i.img"), "--version", "v2", "--size", "64K");
  expect(image.exitCode).toBe(0);
  const write = ["artifact", "write", "rootfs-image", "-t", BOARD_TYPE, "-n", "v2", "-f", inOdd("i.img")];
  expect(await run(...write, "-o", inOdd("v2.mender"))).toEqual({ exitCode: 0, text: expect.stringContaining(SHOWN) });
  for (const argv of [["read"], ["validate"]])
    expect((await run("artifact", ...argv, inOdd("v2.mender"))).exitCode).toBe(0);
  const options = ["-c", inOdd("b/etc/mender.conf"), "-d", inOdd("b/data")];
  for (const argv of [["show-provides"], ["doctor"], ["install", inOdd("v2.mender")], ["rollback"]])
    expect([argv, (await run(...options, ...argv)).text]).toEqual([argv, expect.not.stringContaining("bug")]);
  await cp(board.path("etc"), inOdd("etc"), { recursive: true });
  await run("state-scripts", "check", inOdd("etc/scripts"));
  await run("adapter", "new", "bootloader", inOdd("toy.mjs"));
  await writeFile(inOdd("toy2.mjs"), toyModule({ plan: "return 1;" }));
  expect((await run("adapter", "check", inOdd("toy2.mjs"))).exitCode).toBe(1);
  await run(
    "-c",
    inOdd("new.conf"),
    "-d",
    inOdd("data"),
    "setup",
    "--quiet",
    "--device-type",
    "t",
    "--server-url",
    "https://x",
  );
});
