import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { basename, join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { manPages } from "../../../scripts/package/man-pages.ts";
import { text } from "../../../scripts/package/roff.ts";

const NAMES = [
  "switchback",
  "mender-artifact",
  "mender-update",
  "switchback-qemu",
  "switchback-server",
  "switchback-fleet",
];
const EDITION = { version: "1.2.3", epoch: 1_700_000_000 };
const dir = mkdtempSync(join(tmpdir(), "switchback-man-"));
afterAll(() => rmSync(dir, { recursive: true }));
const pages = await manPages(NAMES, EDITION);
for (const { path, content } of pages) writeFileSync(join(dir, basename(path)), content);

const formatted = (name: string): string => {
  const env = { ...process.env, MANWIDTH: "100", LC_ALL: "C.UTF-8", MANOPT: "" };
  const { stdout, stderr } = spawnSync("man", ["--warnings", "-E", "UTF-8", "-l", join(dir, name)], {
    encoding: "utf8",
    env,
  });
  expect(stderr).toBe("");
  return stdout;
};

test("mandoc and man have nothing to say against any page", () => {
  const files = pages.map(({ path }) => join(dir, basename(path)));
  expect(files.length).toBeGreaterThan(40);
  const lint = spawnSync("mandoc", ["-T", "lint", "-W", "warning", ...files], { encoding: "utf8" });
  expect([lint.status, lint.stdout]).toEqual([0, ""]);
  const groff = spawnSync("sh", ["-c", 'for f; do man --warnings -E UTF-8 -l "$f" >/dev/null; done', "sh", ...files], {
    encoding: "utf8",
  });
  expect(groff.stderr).toBe("");
});

test("the page of a program lists its commands, and the page of a command has all that its help says", () => {
  const program = formatted("switchback.1");
  expect(program).toMatch(/switchback - Over-the-air updates for embedded Linux that survive a power cut/);
  expect(program).toMatch(/switchback-show-artifact\(1\)\n +print the name of the Artifact/);
  expect(program).toContain("-c, --config <file>");
  const sign = formatted("switchback-artifact-sign.1");
  expect(sign).toMatch(/^SYNOPSIS\n +switchback artifact sign \[options\] <artifact>$/m);
  expect(sign).toMatch(/--key-pkcs11 <uri>\n +sign with this key in a PKCS#11 token, through openssl/);
  expect(sign).toContain("switchback artifact sign -k private.pem release-2.mender\n");
  expect(sign).toMatch(/^SEE ALSO\n +switchback-artifact\(1\)$/m);
  expect(sign).toMatch(/^Switchback 1\.2\.3 +2023-11-14 +SWITCHBACK-ARTIFACT-SIGN\(1\)$/m);
});

test("under the name of the original tool, the pages have its name", () => {
  const tool = formatted("mender-artifact.1");
  expect(tool).toContain("mender-artifact-write(1)");
  expect(tool).not.toContain("switchback artifact");
  expect(formatted("mender-artifact-sign.1")).toContain("mender-artifact sign -k private.pem release-2.mender");
  expect(formatted("mender-update.1")).not.toContain("bootstrap");
});

test("the program for QEMU has its pages, too", () => {
  expect(formatted("switchback-qemu.1")).toMatch(/switchback-qemu-test\(1\)\n +try updates on a copy of an image/);
  const page = formatted("switchback-qemu-test.1");
  expect(page).toMatch(/--junit <file>\n +also write the report as JUnit XML/);
  expect(page).toContain("switchback-qemu test disk.img --board pc.yaml");
});

test("no character of a help text is a request or an escape of the formatter", () => {
  const odd = ".TH odd\n'quoted' \\fB \\(co `x` ^~ -- … é \"";
  writeFileSync(join(dir, "odd.1"), `.TH ODD 1 2023-11-14\n.SH NAME\nodd \\- odd\n.SH ODD\n.nf\n${text(odd)}\n.fi\n`);
  const shown = formatted("odd.1")
    .split("\n")
    .map((line) => line.trim());
  expect(shown).toEqual(expect.arrayContaining([".TH odd", "'quoted' \\fB \\(co `x` ^~ -- … é \""]));
});

test("the same commands and edition give the same bytes", async () => {
  expect(await manPages(NAMES, EDITION)).toEqual(pages);
});
