import { readFile } from "node:fs/promises";
import { load } from "js-yaml";
import { expect, test } from "vitest";
import { firstBootEntries } from "../../image/first-boot.ts";
import { variableNamed } from "../../image/yocto/variables/table.ts";
import { filesBelow } from "../../scripts/lib/files.ts";

const LAYER = "yocto-layer";
const BOARDS = ["qemux86-64", "vexpress-qemu", "beaglebone-yocto", "raspberrypi3", "raspberrypi4"];

const layerTexts = async (): Promise<readonly (readonly [file: string, text: string])[]> => {
  const suffixes = [".bb", ".inc", ".bbclass", ".bbappend", ".conf"];
  const folders = [LAYER, "yocto-boards"];
  const files = await Promise.all(folders.flatMap((folder) => suffixes.map((suffix) => filesBelow(folder, suffix))));
  return await Promise.all(files.flat().map(async (file) => [file, await readFile(file, "utf8")] as const));
};

test("the recipe of the agent has the version of the package", async () => {
  const { version } = JSON.parse(await readFile("package.json", "utf8")) as { readonly version: string };
  const recipes = await filesBelow(`${LAYER}/recipes-switchback/switchback`, ".bb");
  expect(recipes).toEqual([`${LAYER}/recipes-switchback/switchback/switchback_${version}.bb`]);
});

test("every variable for users that the layer names is in the table of variables", async () => {
  const texts = await layerTexts();
  const named = texts.flatMap(([file, text]) =>
    [...text.matchAll(/(?<![\w@])(?:MENDER|SWITCHBACK|ARTIFACTIMG)_[A-Z0-9_]+/g)].map(([name]) => ({ file, name })),
  );
  expect(named.length).toBeGreaterThan(50);
  const unknown = named.filter(({ name }) => variableNamed(name.replace(/_$/, "")) === undefined);
  expect(unknown).toEqual([]);
});

test("an append acts only under a feature", async () => {
  const appends = (await layerTexts()).filter(([file]) => file.endsWith(".bbappend"));
  expect(appends.length).toBeGreaterThan(3);
  const always = appends.flatMap(([file, text]) =>
    text
      .split("\n")
      .filter((line) => /^[A-Za-z_]/.test(line) && !/^python /.test(line))
      .filter((line) => !/:(?:mender|switchback|vexpress)-[a-z-]+|'mender-uboot'/.test(line))
      .map((line) => `${file}: ${line}`),
  );
  expect(always).toEqual([]);
});

test("the unit that grows the data partition runs the script of the image tool", async () => {
  const board = { firstBoot: { growData: true } } as Parameters<typeof firstBootEntries>[0];
  const [script] = [...firstBootEntries(board, "/data", 0)];
  expect(script?.path).toBe("usr/libexec/switchback-grow-data");
  const ours = await readFile(`${LAYER}/recipes-switchback/first-boot/files/switchback-grow-data`, "utf8");
  expect(await textOf(script?.content() ?? [])).toBe(ours);
});

async function textOf(content: AsyncIterable<Uint8Array> | Iterable<Uint8Array>): Promise<string> {
  const chunks: Uint8Array[] = [];
  for await (const chunk of content) chunks.push(chunk);
  return Buffer.concat(chunks).toString("utf8");
}

test("each board has its values and a file for kas", async () => {
  for (const board of BOARDS) {
    const kas = load(await readFile(`${LAYER}/kas/${board}.yml`, "utf8")) as Record<string, unknown>;
    expect(kas).toMatchObject({ machine: board, header: { includes: ["yocto-layer/kas/base.yml"] } });
    const values = await readFile(`${LAYER}/conf/switchback/${board}.inc`, "utf8");
    expect(values).toMatch(/^MENDER_STORAGE_DEVICE \?\?= "\/dev\/\w+"$/m);
  }
  const base = load(await readFile(`${LAYER}/kas/base.yml`, "utf8"));
  expect(base).toMatchObject({ target: "switchback-example-image", repos: { switchback: { layers: {} } } });
});

test("one file for kas decides about the release of every repository of every board", async () => {
  const read = async (name: string): Promise<unknown> => load(await readFile(`${LAYER}/kas/${name}.yml`, "utf8"));
  expect(await read("base")).toMatchObject({ defaults: { repos: { branch: "scarthgap" } } });
  expect(await read("wrynose")).toMatchObject({
    defaults: { repos: { branch: "wrynose" } },
    repos: { bitbake: { branch: "2.18" } },
  });
  const files = await Promise.all(["base", ...BOARDS].map(read));
  const branches = files.flatMap((file) => {
    const { repos = {} } = file as { readonly repos?: Readonly<Record<string, { readonly branch?: string }>> };
    return Object.entries(repos).flatMap(([name, { branch }]) => (branch === undefined ? [] : [[name, branch]]));
  });
  expect(branches).toEqual([["bitbake", "2.8"]]);
});
