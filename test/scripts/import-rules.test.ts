import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { capture, tool } from "../../scripts/lib/run.ts";

const CONFIG = ".dependency-cruiser.mjs";
const FOLDERS = ["errors", "util", "protocol", "ports", "artifact", "contracts", "core", "config", "agent", "cli"];

const value = (from: string): string => `import { x } from "${from}";\nexport const y = x;\n`;
const type = (from: string): string => `import type { X } from "${from}";\nexport type Y = X;\n`;

/**
 * For each rule, a file that breaks it, and the content of that file. Each module `x.ts` exports a value and a type.
 */
const BREAKS: Readonly<Record<string, readonly [path: string, text: string]>> = {
  ...Object.fromEntries(
    FOLDERS.map((folder) => [
      `${folder}-imports-too-much`,
      [`src/${folder}/much.ts`, value(folder === "cli" ? "../contracts/x.ts" : "../cli/x.ts")],
    ]),
  ),
  "util-imports-code-where-types-are-allowed": ["src/util/code.ts", value("../ports/x.ts")],
  "ports-imports-code-where-types-are-allowed": ["src/ports/code.ts", value("../util/x.ts")],
  "artifact-imports-code-where-types-are-allowed": ["src/artifact/code.ts", value("../ports/x.ts")],
  "config-imports-code-where-types-are-allowed": ["src/config/code.ts", value("../protocol/x.ts")],
  "cli-imports-code-where-types-are-allowed": ["src/cli/code.ts", value("../ports/x.ts")],
  "unknown-folder": ["src/unknown/file.ts", value("../util/x.ts")],
  "main-imports-too-much": ["src/main.ts", value("./contracts/x.ts")],
  "version-imports-too-much": ["src/version.ts", value("./util/x.ts")],
  "only-agent-imports-adapters": ["src/cli/adapters.ts", value("../../adapters/clock/x.ts")],
  "adapters-import-too-much": ["adapters/clock/core.ts", value("../../src/core/x.ts")],
  "adapters-import-a-sibling": ["adapters/clock/sibling.ts", value("../power/x.ts")],
  "adapters-check-imports-too-much": ["adapters/check/power.ts", value("../power/x.ts")],
  "image-imports-too-much": ["image/board.ts", value("../qemu/x.ts")],
  "image-inspect-imports-too-much": ["image/inspect/clock.ts", value("../../adapters/clock/x.ts")],
  "qemu-imports-too-much": ["qemu/agent.ts", value("../src/agent/x.ts")],
  "core-touches-no-device": ["src/core/files.ts", 'import { rm } from "node:fs/promises";\nexport const y = rm;\n'],
  "pure-folders-import-no-package": ["src/protocol/package.ts", 'export { z } from "zod";\n'],
  "protocol-api-imports-zod-only": ["src/protocol/api/package.ts", 'export { Command } from "commander";\n'],
  "devices-do-without-the-api-schemas": ["src/core/schemas.ts", value("../protocol/api/x.ts")],
  "server-imports-too-much": ["server/agent.ts", value("../src/agent/x.ts")],
  "server-domain-is-pure": ["server/domain/api.ts", value("../api/x.ts")],
  "server-adapters-import-too-much": ["server/adapters/api.ts", value("../api/x.ts")],
  "only-the-server-imports-the-server": ["src/agent/server.ts", value("../../server/api/x.ts")],
  "fleet-imports-too-much": ["fleet/agent.ts", value("../src/agent/x.ts")],
  "only-fleet-imports-fleet": ["server/fleet.ts", value("../fleet/x.ts")],
  "web-imports-too-much": ["web/src/errors.ts", value("../../src/errors/x.ts")],
  "web-imports-schemas": ["web/src/schemas.ts", value("../../src/protocol/api/x.ts")],
  "pages-import-a-page": ["web/src/pages/one/page.ts", value("../two/x.ts")],
  "only-web-imports-web": ["server/web.ts", value("../web/src/x.ts")],
  "core-imports-zod-only": ["src/core/package.ts", 'export { Command } from "commander";\n'],
  "nothing-imports-tests": ["scripts/tests.ts", value("../test/x.ts")],
  "product-imports-no-script-and-no-board": ["adapters/clock/script.ts", value("../../scripts/x.ts")],
  "only-tools-import-image": ["src/agent/image.ts", value("../../image/x.ts")],
  "no-cycles": ["src/util/circle.ts", type("./way-back.ts")],
  "product-uses-dependencies-only": ["src/cli/dev.ts", 'export { test } from "vitest";\n'],
  resolvable: ["src/util/lost.ts", value("./nowhere.ts")],
};

let folder: string;
let found: readonly string[];
beforeAll(async () => {
  folder = mkdtempSync(join(tmpdir(), "switchback-rules-"));
  const put = (path: string, text: string): void => {
    mkdirSync(join(folder, dirname(path)), { recursive: true });
    writeFileSync(join(folder, path), text);
  };
  const rooms = [
    ...FOLDERS.map((name) => `src/${name}`),
    "adapters/clock",
    "adapters/power",
    "image",
    "qemu",
    "src/protocol/api",
    "server/api",
    "fleet",
    "web/src",
    "web/src/pages/two",
  ];
  for (const room of [...rooms, "scripts", "test"]) put(`${room}/x.ts`, "export const x = 1;\nexport type X = 1;\n");
  for (const [path, text] of Object.values(BREAKS)) put(path, text);
  put("src/util/way-back.ts", type("./circle.ts").replace("type Y = X", "type X = X2").replace("{ X }", "{ Y as X2 }"));
  for (const name of [CONFIG, "package.json", "tsconfig.json"]) copyFileSync(name, join(folder, name));
  for (const name of ["zod", "commander", "vitest"]) {
    put(`node_modules/${name}/package.json`, JSON.stringify({ name, version: "1.0.0", main: "index.js" }));
    put(`node_modules/${name}/index.js`, "");
  }
  const roots = ["src", "adapters", "image", "qemu", "server", "fleet", "web", "scripts", "test"];
  const argv = ["--config", CONFIG, "--output-type", "json", ...roots];
  const { stdout } = await capture(resolve(tool("depcruise")), argv, {}, folder);
  const { summary } = JSON.parse(stdout) as {
    summary: { violations: readonly { from: string; rule: { name: string } }[] };
  };
  found = summary.violations.map(({ from, rule }) => `${rule.name}: ${from}`);
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

for (const [rule, [path]] of Object.entries(BREAKS)) {
  test(`the rule ${rule} notices ${path}`, () => {
    expect(found).toContain(`${rule}: ${path}`);
  });
}

test("each rule is broken on purpose", async () => {
  const { default: config } = (await import(resolve(CONFIG))) as {
    default: { forbidden: readonly { name: string }[] };
  };
  expect(Object.keys(BREAKS).sort()).toEqual(config.forbidden.map(({ name }) => name).sort());
});
