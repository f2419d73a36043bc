import type { ErrorCode } from "../../src/errors/catalogue.ts";
import { CONTENT, SIGNATURES, WRITING } from "./remedies/artifact.ts";
import { ADAPTERS, BOOT, HOST, SLOTS, SNAPSHOTS, VIRTUAL_BOARDS } from "./remedies/board.ts";
import { CONVERSION } from "./remedies/convert.ts";
import { FLEET } from "./remedies/fleet.ts";
import { IMAGES } from "./remedies/image.ts";
import { IMAGE_FILES } from "./remedies/image-files.ts";
import { HARNESS, IMAGES_READ } from "./remedies/inspect.ts";
import { PARTITION_TABLES } from "./remedies/partitions.ts";
import type { Remedies } from "./remedies/section.ts";
import { NETWORK, SERVER } from "./remedies/server.ts";
import { TAKEOVER } from "./remedies/takeover.ts";
import { COMMANDS, MODULES, SCRIPTS, UPDATE } from "./remedies/update.ts";
import { YOCTO } from "./remedies/yocto.ts";

/** The remedy for every code: a code without a remedy does not compile. The bundle does not contain this module. */
export const REMEDIES: Readonly<Record<ErrorCode, string>> = {
  ...UPDATE,
  ...SCRIPTS,
  ...MODULES,
  ...COMMANDS,
  ...CONTENT,
  ...SIGNATURES,
  ...WRITING,
  ...BOOT,
  ...SLOTS,
  ...HOST,
  ...NETWORK,
  ...SERVER,
  ...ADAPTERS,
  ...SNAPSHOTS,
  ...TAKEOVER,
  ...VIRTUAL_BOARDS,
  ...PARTITION_TABLES,
  ...IMAGE_FILES,
  ...IMAGES,
  ...IMAGES_READ,
  ...CONVERSION,
  ...YOCTO,
  ...HARNESS,
  ...FLEET,
};

export interface Section {
  readonly title: string;
  readonly remedies: Remedies;
}

/** The sections of the page, in its order. */
export const SECTIONS: readonly Section[] = [
  { title: "Updates", remedies: UPDATE },
  { title: "State scripts", remedies: SCRIPTS },
  { title: "Update modules", remedies: MODULES },
  { title: "Configuration and command line", remedies: COMMANDS },
  { title: "Content of an Artifact", remedies: CONTENT },
  { title: "Signatures and keys", remedies: SIGNATURES },
  { title: "Writing an Artifact", remedies: WRITING },
  { title: "Boot loader", remedies: BOOT },
  { title: "Slots", remedies: SLOTS },
  { title: "Datastore, locks and programs", remedies: HOST },
  { title: "Downloads and network", remedies: NETWORK },
  { title: "Device and server", remedies: SERVER },
  { title: "Adapters", remedies: ADAPTERS },
  { title: "Copies of a running filesystem", remedies: SNAPSHOTS },
  { title: "Takeover from the Mender client", remedies: TAKEOVER },
  { title: "Virtual boards", remedies: VIRTUAL_BOARDS },
  { title: "Partition tables of images", remedies: PARTITION_TABLES },
  { title: "Files in images", remedies: IMAGE_FILES },
  { title: "Making images", remedies: IMAGES },
  { title: "Inspection of images", remedies: IMAGES_READ },
  { title: "Conversion of images", remedies: CONVERSION },
  { title: "Yocto builds", remedies: YOCTO },
  { title: "Tests of images under QEMU", remedies: HARNESS },
  { title: "The command line of operators", remedies: FLEET },
];
