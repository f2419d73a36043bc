import { generateKeyPairSync } from "node:crypto";
import { access, readFile } from "node:fs/promises";
import { basename } from "node:path";
import { ask, expectText } from "../../scripts/yocto/built.ts";
import { fencesOf } from "../docs/walk/guide.ts";
import { GUIDE } from "./guide-blocks.ts";
import type { GuideBuild } from "./guide-build.ts";

const MACHINE = "qemux86-64";
const PASSPHRASE = "a passphrase";

/** What the guide leaves to its reader, and what it is here. The medium is smaller, so that the walk is short. */
const choices = (home: string): Readonly<Record<string, string>> => ({
  "/path/to/switchback": `${home}/switchback`,
  "/path/to/": `${home}/secure/`,
  "/secure/": `${home}/secure/`,
  '"3600"': '"512"',
  MACHINE,
});

/** What cannot run here, by the first line of its block, and why. */
const NOT_WALKED: Readonly<Record<string, string>> = {
  "npm ci && npm run build":
    "it replaces the packages of the checkout in which the test runs; the test needs its result",
  "switchback install https://server/release-2.mender":
    "it runs on the device; test/system/qemu/yocto-disk.test.ts does it under QEMU",
  "switchback commit": "it runs on the device; test/system/qemu/yocto-disk.test.ts does it under QEMU",
  'HOSTTOOLS += "openssl"': "it needs a token; part `variants` of npm run yocto signs with one",
};

type Act = (build: GuideBuild, block: string) => Promise<void>;

const configure: Act = (build, block) => build.configure(block);
const type: Act = async (build, block) => void (await build.type(block.trim()));

/** Files of the recipes that the guide shows, which a reader already has. */
const SOURCES: Readonly<Record<string, string>> = {
  "recipes-update/my-scripts/my-scripts/check": "#!/bin/sh\nexit 0\n",
  "recipes-update/app-settings/app-settings/app.conf": "colour = blue\n",
};

/** A recipe of a fork of U-Boot. Part `u-boot` of npm run yocto configures a real one. */
const FORK = `LICENSE = "CLOSED"
INHIBIT_DEFAULT_DEPS = "1"
do_configure() {
    true
}
`;

/** The first line of a recipe's block says where it belongs in the reader's layer. */
const recipe: Act = async (build, block) => {
  const [, path = ""] = /^# (recipes-\S+)$/m.exec(block) ?? [];
  await build.write(`meta-mine/${path}`, block);
};

async function writeKeys(build: GuideBuild): Promise<void> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: PASSPHRASE },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  await build.write("secure/private.key", privateKey);
  await build.write("secure/public.key", publicKey);
  await build.write("secure/passphrase", `${PASSPHRASE}\n`);
}

/** What the reader does with a block, by its first line. */
const ACTS: Readonly<Record<string, Act>> = {
  "bitbake-layers add-layer ../meta-openembedded/meta-oe ../switchback/yocto-layer": type,
  'INHERIT += "switchback-full externalsrc"': configure,
  "bitbake switchback-example-image": async (build, block) => {
    await type(build, block);
    await expectTable(build);
  },
  "bmaptool copy --nobmap switchback-example-image-MACHINE.rootfs.sdimg /dev/sdX": async (build, block) => {
    // A PC has the other kind, and a file stands for the medium.
    const medium = build.at("medium");
    const line = block.trim().replace(".sdimg", ".gptimg").replace("/dev/sdX", medium);
    await build.type(`cd ${await build.result("")} && ${line}`);
    await ask("cmp", medium, await build.result(`switchback-example-image-${MACHINE}.rootfs.gptimg`));
  },
  "# recipes-bsp/u-boot/u-boot-myboard_%.bbappend": async (build, block) => {
    await build.write("meta-mine/recipes-bsp/u-boot/u-boot-myboard_1.0.bb", FORK);
    await recipe(build, block);
    await build.type("bitbake-layers add-layer ../meta-mine");
    const task = await build.type("bitbake -e u-boot-myboard | sed -n '/^do_configure() {/,/^}/p'");
    expectText("do_configure of u-boot-myboard", task, "switchback_u_boot_merge ", "switchback_u_boot_check\n");
  },
  'SWITCHBACK_CONFIGURATION_FRAGMENTS = "/path/to/polling.json /path/to/proxy.json"': async (build, block) => {
    await build.write("secure/polling.json", '{ "UpdatePollIntervalSeconds": 900, "RetryPollIntervalSeconds": 60 }\n');
    await build.write("secure/proxy.json", '{ "RetryPollIntervalSeconds": 30 }\n');
    await build.configure(block);
  },
  'MENDER_ARTIFACT_SIGNING_KEY = "/secure/private.key"': async (build, block) => {
    await writeKeys(build);
    await build.configure(block);
  },
  "# recipes-update/my-scripts/my-scripts_1.0.bb": recipe,
  'SWITCHBACK_STATE_SCRIPTS = "my-scripts switchback-state-scripts"': configure,
  "# recipes-update/app-settings/app-settings_1.0.bb": async (build, block) => {
    await recipe(build, block);
    await build.type("bitbake app-settings");
    await expectSigned(build, "app-settings.mender", "Name: app-settings-1\n", "single-file", "app.conf");
  },
};

/** Does what the guide says, block by block. @returns the blocks that ran */
export async function walkGuide(build: GuideBuild): Promise<readonly string[]> {
  for (const [path, text] of Object.entries(SOURCES)) await build.write(`meta-mine/${path}`, text);
  const done: string[] = [];
  for (const { language, text } of fencesOf(await readFile(GUIDE, "utf8"))) {
    const [key = ""] = text.split("\n");
    if ((language !== "sh" && language !== "bitbake") || Object.hasOwn(NOT_WALKED, key)) continue;
    const act = ACTS[key];
    if (act === undefined) throw new Error(`${GUIDE}: nothing is known about the block "${key}"`);
    await act(build, chosen(text, build.home));
    done.push(key);
  }
  // The next release, with everything that the rest of the guide has added.
  await build.configure('MENDER_ARTIFACT_NAME = "release-2"\n');
  await build.type("bitbake switchback-example-image");
  await expectSecond(build);
  const forgotten = Object.keys(ACTS).filter((key) => !done.includes(key));
  if (forgotten.length > 0) throw new Error(`${GUIDE} has no block "${forgotten.join('", "')}"`);
  return done;
}

/** One pass over the text, because a choice may contain what another one replaces. */
function chosen(text: string, home: string): string {
  const found = choices(home);
  return text.replaceAll(new RegExp(Object.keys(found).join("|"), "g"), (name) => found[name] ?? name);
}

/** The guide's table names what a build makes. */
async function expectTable(build: GuideBuild): Promise<void> {
  const page = await readFile(GUIDE, "utf8");
  const named = [...page.matchAll(/^\| `IMAGE-MACHINE\.rootfs\.(\w+)`/gm)].map(([, type = ""]) => type);
  if (named.length < 4) throw new Error(`${GUIDE}: the table of results has only ${named.length} rows`);
  for (const type of named) {
    const kind = type === "sdimg" ? "gptimg" : type;
    await access(await build.result(`switchback-example-image-${MACHINE}.rootfs.${kind}`));
  }
}

/** Configuration fragments, signature, and state scripts of both kinds. */
async function expectSecond(build: GuideBuild): Promise<void> {
  const image = await build.result(`switchback-example-image-${MACHINE}.rootfs`);
  const scripts = ["ArtifactCommit_Enter_50_check", "health-check"];
  await expectSigned(build, `${basename(image)}.mender`, "Name: release-2\n", ...scripts);
  const conf = await ask("debugfs", "-R", "cat /etc/mender/mender.conf", `${image}.ext4`);
  expectText("mender.conf", conf, '"UpdatePollIntervalSeconds": 900', '"RetryPollIntervalSeconds": 30');
}

async function expectSigned(build: GuideBuild, name: string, ...parts: readonly string[]): Promise<void> {
  const [artifact, key] = [await build.result(name), ["--key", build.at("secure/public.key")]];
  await ask("mender-artifact", "validate", ...key, artifact);
  const said = await ask("mender-artifact", "read", "--no-progress", ...key, artifact);
  expectText(name, said, ...parts, "signed and verified correctly");
}
