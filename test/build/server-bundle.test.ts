import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { expect, test } from "vitest";
import { bundleFleet, FLEET_BYTES } from "../../scripts/lib/fleet-bundle.ts";
import { bundleServer, foreignInputs, SERVER_BUDGET, weighServer } from "../../scripts/lib/server-bundle.ts";

const metafile = (inputs: readonly string[], bytes: number) => ({
  inputs: Object.fromEntries(inputs.map((input) => [input, { bytes: 1, imports: [] }])),
  outputs: {
    "dist/x.mjs": {
      ...{ bytes, imports: [], exports: [] },
      inputs: Object.fromEntries(inputs.map((input) => [input, { bytesInOutput: 1 }])),
    },
  },
});

test("the server's bundle may contain the packages of its list only, and not grow past its budget", () => {
  const inputs = ["server/main.ts", "node_modules/pg/lib/index.js", "node_modules/@left/pad/index.js"];
  expect(weighServer(metafile(inputs, SERVER_BUDGET.bytes + 1)).problems).toEqual([
    "new package of the server: @left/pad",
    `the server: ${SERVER_BUDGET.bytes + 1} bytes, ${SERVER_BUDGET.bytes} are allowed`,
  ]);
});

test("the server and the operators' command line of these sources keep to their budgets", async () => {
  const folder = await mkdtemp(join(tmpdir(), "bundles-"));
  try {
    expect(weighServer(await bundleServer(folder)).problems).toEqual([]);
    const { outputs } = await bundleFleet(folder);
    const bytes = Object.values(outputs).reduce((sum, output) => sum + output.bytes, 0);
    expect(bytes).toBeLessThanOrEqual(FLEET_BYTES);
  } finally {
    await rm(folder, { recursive: true });
  }
});

test("a bundle for devices may contain nothing of the server, its console and its clients", () => {
  const inputs = [
    "src/main.ts",
    "server/errors/catalogue.ts",
    "src/protocol/device-api.ts",
    "src/protocol/api/common.ts",
  ];
  expect(foreignInputs(metafile(inputs, 1))).toEqual([
    "not for devices: server/errors/catalogue.ts",
    "not for devices: src/protocol/api/common.ts",
  ]);
});
