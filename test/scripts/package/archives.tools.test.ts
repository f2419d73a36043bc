import { execFileSync, spawnSync } from "node:child_process";
import { mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test as plainTest } from "vitest";
import { toolsOnly } from "../../../scripts/lib/bundle-budget.ts";
import { debianChangelog } from "../../../scripts/package/changelog.ts";
import { needs } from "../../support/needs.ts";
import { BuiltPackages, EPOCH } from "./built-packages.ts";

const { test } = needs("otherUser");
const VERSION: string = JSON.parse(readFileSync("package.json", "utf8")).version;

/** Lintian is a large process that forks for each file. With large pages it takes a quarter less processor time. */
const LARGE_PAGES = { GLIBC_TUNABLES: "glibc.malloc.hugetlb=1" };

const PACKAGES = ["switchback", "switchback-fleet", "switchback-server", "switchback-tools"];

let packages: BuiltPackages;
let output = "";

beforeAll(async () => {
  packages = await BuiltPackages.make();
  output = await packages.build(VERSION);
});
afterAll(() => packages?.remove());

const inside = (name: string): readonly string[] =>
  execFileSync("dpkg-deb", ["--contents", join(output, `${name}_${VERSION}_all.deb`)], { encoding: "utf8" })
    .trim()
    .split("\n");

plainTest("there are four Debian packages and a tarball, each with its SBOM, and their checksums are right", () => {
  const names = [`switchback-${VERSION}.tar.gz`, ...PACKAGES.map((name) => `${name}_${VERSION}_all.deb`)].toSorted();
  expect(readdirSync(output)).toEqual(["SHA256SUMS", ...names.flatMap((name) => [name, `${name}.cdx.json`])]);
  const { status, stdout } = spawnSync("sha256sum", ["--check", "SHA256SUMS"], { cwd: output, encoding: "utf8" });
  expect([status, stdout.match(/: OK$/gm)?.length]).toEqual([0, 10]);
});

plainTest("lintian finds no error and no warning", () => {
  const debs = PACKAGES.map((name) => join(output, `${name}_${VERSION}_all.deb`));
  const args = ["--allow-root", "--fail-on=error,warning", "--tag-display-limit=0", ...debs];
  const env = { ...process.env, ...LARGE_PAGES };
  const { status, stdout, stderr } = spawnSync("lintian", args, { encoding: "utf8", env });
  expect([status, stdout, stderr]).toEqual([0, "", ""]);
});

plainTest(
  "a device gets no chunk that only build hosts need, and the tools' package is the whole program",
  async () => {
    const tools = toolsOnly((await packages.release(VERSION)).metafile.outputs).map((path) => path.split("/").at(-1));
    const [device, whole] = ["switchback", "switchback-tools"].map((name) =>
      inside(name).flatMap((line) => /\/usr\/lib\/[^/]+\/chunks\/(.+)$/.exec(line)?.[1] ?? []),
    );
    expect(device?.filter((name) => tools.includes(name))).toEqual([]);
    expect(whole?.toSorted()).toEqual([...(device ?? []), ...tools].toSorted());
  },
);

plainTest("everything belongs to root, nothing can be written by others, and no two packages share a file", () => {
  const all = PACKAGES.map(inside);
  for (const line of all.flat()) expect(line).toMatch(/^(?:-rw-r--r--|-rwxr-xr-x|drwxr-xr-x|lrwxrwxrwx) root\/root /);
  const files = (lines: readonly string[]): readonly string[] =>
    lines.filter((line) => !line.startsWith("d")).map((line) => /\.\/\S*/.exec(line)?.[0] ?? line);
  const paths = all.flatMap(files);
  expect(paths.filter((path, n) => paths.indexOf(path) !== n)).toEqual([]);
});

plainTest("every program of the packages has a manual page, and completions for bash, zsh and fish", () => {
  for (const lines of PACKAGES.map(inside)) {
    const paths = new Set(lines.map((line) => /\.(\/\S*)/.exec(line)?.[1]));
    const names = [...paths].flatMap((path) => /^\/usr\/bin\/(.+)$/.exec(path ?? "")?.[1] ?? []);
    expect(names.length).toBeGreaterThan(0);
    for (const name of names) {
      const completions = [`bash-completion/completions/${name}`, `zsh/vendor-completions/_${name}`];
      const all = [...completions, `fish/vendor_completions.d/${name}.fish`, `man/man1/${name}.1.gz`];
      expect(all.filter((path) => !paths.has(`/usr/share/${path}`))).toEqual([]);
    }
  }
});

plainTest("the package of the tools recommends what the guide tells to install for QEMU", () => {
  const [, line = ""] = /^apt-get install (qemu-.*)$/m.exec(readFileSync("docs/guides/ci-with-qemu.md", "utf8")) ?? [];
  const deb = join(output, `switchback-tools_${VERSION}_all.deb`);
  const recommended = execFileSync("dpkg-deb", ["--field", deb, "Recommends"], { encoding: "utf8" }).trim().split(", ");
  expect(line.split(" ").length).toBeGreaterThan(4);
  expect(line.split(" ").filter((name) => !recommended.includes(name))).toEqual([]);
});

test("another user, folder, umask, time zone and day give the same bytes", () => {
  const copy = mkdtempSync(join(tmpdir(), "switchback-other-"));
  try {
    execFileSync("sh", ["-c", 'git ls-files -z | xargs -0 cp -a --parents -t "$0"', copy]);
    // Without what earlier builds have left there.
    execFileSync("sh", ["-c", 'mkdir "$0/node_modules"; cp -a node_modules/* -t "$0/node_modules"', copy]);
    execFileSync("chown", ["-R", "65534:65534", copy]);
    const build = `umask 077; cd '${copy}' && exec faketime '2033-03-03 03:03:03' node scripts/run.mjs package --output out`;
    const env = { PATH: process.env["PATH"], HOME: copy, TZ: "Asia/Tokyo", SOURCE_DATE_EPOCH: String(EPOCH) };
    const user = ["--reuid=65534", "--regid=65534", "--clear-groups", "sh", "-c", build];
    const { status, stderr } = spawnSync("setpriv", user, { env, encoding: "utf8" });
    expect([status, stderr]).toEqual([0, ""]);
    expect(readFileSync(join(copy, "out/SHA256SUMS"), "utf8")).toBe(
      readFileSync(resolve(output, "SHA256SUMS"), "utf8"),
    );
  } finally {
    rmSync(copy, { recursive: true, force: true });
  }
});

plainTest("the changelog has the newest section in Debian's format", () => {
  const markdown =
    "# Changelog\n\n## [1.2.0]\n\n### Added\n\n- One\n  thing, [linked](docs/x.md).\n- Two.\n\n## [1.1.0]\n\n- Old.\n";
  expect(debianChangelog(markdown, "1.2.0", { name: "A", email: "a@b" }, 0)).toBe(
    "switchback (1.2.0) stable; urgency=medium\n\n  [ Added ]\n  * One thing, linked.\n  * Two.\n\n" +
      " -- A <a@b>  Thu, 01 Jan 1970 00:00:00 +0000\n",
  );
  expect(() => debianChangelog("# Changelog\n\n## [1.2.0]\n", "1.2.0", { name: "A", email: "a@b" }, 0)).toThrow(
    "no change",
  );
});
