import { execFileSync, spawnSync } from "node:child_process";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";

const UNITS = readdirSync("systemd").map((name) => join("systemd", name));
const SERVICES = UNITS.filter((path) => path.endsWith(".service"));
const page = readFileSync("docs/guides/packages.md", "utf8");
const [, hardening = ""] = page.split("\n### Hardening\n");

const analysisOf = (unit: string): string =>
  execFileSync("systemd-analyze", ["security", "--offline=yes", "--no-pager", unit], { encoding: "utf8" });

test("systemd understands every line of every unit", () => {
  expect(UNITS.length).toBe(4);
  const { stderr } = spawnSync("systemd-analyze", ["verify", "--man=no", ...UNITS], { encoding: "utf8" });
  const found = stderr.trim().split("\n");
  expect(found.filter((line) => line !== "" && !line.includes("Command switchback is not executable"))).toEqual([]);
});

test.each(SERVICES)("the page gives the exposure of %s that systemd-analyze computes", (unit) => {
  const exposure = /Overall exposure level for (\S+): (\d+\.\d)/.exec(analysisOf(unit));
  expect(exposure).not.toBe(null);
  expect(hardening).toContain(`| \`${exposure?.[1]}\` | ${exposure?.[2]} |`);
});

test.each(SERVICES)("the page says of each setting that %s lacks why", (unit) => {
  const lacking = analysisOf(unit)
    .split("\n")
    .filter((line) => line.startsWith("✗"))
    .map((line) => line.split(/\s+/)[1] ?? "");
  expect(lacking.length).toBeGreaterThan(20);
  const names = new Set(lacking.flatMap((name) => name.replace(/=[^/]*/g, "").split("/")));
  expect([...names].filter((name) => !hardening.includes(`\`${name}\``))).toEqual([]);
  const filters = lacking.flatMap((name) => /=~(@[\w-]+)/.exec(name)?.[1] ?? []);
  expect(filters.filter((name) => !hardening.includes(`\`${name}\``))).toEqual([]);
});

test("no unit has a setting that would give its update modules another view of the files", () => {
  const text = SERVICES.map((path) => readFileSync(path, "utf8")).join("");
  expect(text).not.toMatch(/^(?:Private|Protect|ReadOnly|ReadWrite|Inaccessible|Temporary|Root|Bind)\w+=/m);
});
