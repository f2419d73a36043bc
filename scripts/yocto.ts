import { parseArgs } from "node:util";
import { say } from "./lib/run.ts";
import { checkLayer } from "./yocto/check-layer.ts";
import { expectPlaces } from "./yocto/places.ts";
import { stageBoot } from "./yocto/stage-boot.ts";
import { stageKas } from "./yocto/stage-kas.ts";
import { stageMachines } from "./yocto/stage-machines.ts";
import { stageNode } from "./yocto/stage-node.ts";
import { stageOne } from "./yocto/stage-one.ts";
import { stageTwo } from "./yocto/stage-two.ts";
import { stageUBoot } from "./yocto/stage-u-boot.ts";
import { stageVariants } from "./yocto/stage-variants.ts";
import { prepare } from "./yocto/workspace.ts";

/**
 * `npm run yocto -- --bitbake DIR --openembedded-core DIR --meta-openembedded DIR --work DIR [--meta-yocto DIR]
 * [--meta-raspberrypi DIR] [--kas DIR] [--u-boot DIR] [--only PART]… [--user NAME]`: checks yocto-layer/ with a real
 * BitBake of one release.
 *
 * Run `npm run build` before. Nothing is fetched and nothing is compiled:
 *
 *   node      looks at the options with which Node would be configured with the feature switchback-lean-node
 *   one       parses the layer with the real metadata and follows every dependency of the example image. The first
 *             time, this takes several minutes
 *   machines  parses it for each machine that the layer knows, and gives the variables to `switchback yocto`
 *   kas       configures a build with the file for kas of each machine, with the program in DIR of --kas
 *   two       builds the agent's package, the example image, its Artifact and its disks from small stubs, changes
 *             variables and builds again, and tries a medium that is too small
 *   variants  signs with a token and with a program, makes an Artifact of a module, and builds for sysvinit
 *   check     runs yocto-check-layer
 *   u-boot    configures U-Boot with OE-Core's own recipe and the sources in DIR of --u-boot
 *   boot      only with --only boot: makes disks whose root filesystem has programs of Debian, so that they boot under
 *             QEMU. This needs the Debian packages of `npm test -- --tier qemu`
 *
 * --work DIR stays, so that the next run finds BitBake's cache. BitBake refuses to run as root: root runs it as the user
 * NAME (default: yocto), to whom DIR then belongs. docs/yocto.md says which Debian packages BitBake needs.
 *
 * Example:
 *   npm run yocto -- --bitbake ../bitbake --openembedded-core ../openembedded-core \
 *     --meta-openembedded ../meta-openembedded --work /tmp/yocto
 */
const STAGES = {
  ...{ node: stageNode, one: stageOne, machines: stageMachines, kas: stageKas },
  ...{ two: stageTwo, variants: stageVariants, check: checkLayer, "u-boot": stageUBoot, boot: stageBoot },
};
/** This part needs what the boards of `npm test -- --tier qemu` need. */
const ON_REQUEST = "boot";

const { values } = parseArgs({
  options: {
    bitbake: { type: "string" },
    "openembedded-core": { type: "string" },
    "meta-openembedded": { type: "string" },
    "meta-yocto": { type: "string" },
    "meta-raspberrypi": { type: "string" },
    kas: { type: "string" },
    "u-boot": { type: "string" },
    work: { type: "string" },
    user: { type: "string", default: "yocto" },
    only: { type: "string", multiple: true, default: Object.keys(STAGES).filter((name) => name !== ON_REQUEST) },
  },
});

const places = await expectPlaces(values);
const workspace = await prepare(places);
say(`${places.release}: BitBake in ${places.bitbake}, work in ${places.work}`);
for (const [name, run] of Object.entries(STAGES)) {
  if (!values.only.includes(name)) continue;
  for await (const line of run(workspace)) say(`${name}: ${line}`);
}
say(`${places.release}: everything holds`);
