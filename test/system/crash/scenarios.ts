import { chmod, copyFile, mkdir, readFile, writeFile } from "node:fs/promises";
import { rootfsRequest } from "../../artifact/artifact-requests.ts";
import { severalPayloads } from "../../artifact/several-payloads.ts";
import { isSameContent } from "../../support/same-content.ts";
import type { TestBoard } from "../../support/test-board.ts";

export type Decision = "commit" | "rollback";

/** A kind of update, and what it leaves on the board. */
export interface Kind {
  readonly name: string;
  /** Whether the update waits for a reboot. */
  readonly reboots: boolean;
  /** Variables for the agent, in addition to those of the test. */
  env?(board: TestBoard): Readonly<Record<string, string>>;
  /** Puts onto a new board what every version needs. */
  setUp(board: TestBoard): Promise<void>;
  /** @returns path of the Artifact that installs `version` */
  release(board: TestBoard, version: string): Promise<string>;
  /**
   * The versions of the update's parts. Each part is compared byte for byte with the expected content of a version.
   *
   * @throws if a part matches no version
   */
  versions(board: TestBoard, known: readonly string[]): Promise<readonly string[]>;
  /** Removes what a power cut takes in addition to what the supervisor removes. */
  losePower?(board: TestBoard): Promise<void>;
  /** Checks what else must be true when an update has ended. */
  check?(board: TestBoard, ended: "committed" | "rolled back"): Promise<void>;
}

/** Size of images and slots alike, so that a slot is byte for byte one of the images, or none. */
export const IMAGE_KIB = 4 * 1024;
const nothing = async (): Promise<void> => undefined;

export const image: Kind = {
  name: "image",
  reboots: true,
  setUp: nothing,
  release: (board, version) => board.release(version, "yes", {}, IMAGE_KIB),
  versions: async (board, known) => [await runningVersion(board, known)],
};

/** An image whose version v2 does not come up. */
export const imageThatHangs: Kind = {
  ...image,
  name: "image that hangs",
  release: (board, version) => board.release(version, version === "v2" ? "hangs" : "yes", {}, IMAGE_KIB),
};

async function runningVersion(board: TestBoard, known: readonly string[]): Promise<string> {
  const running = await board.running();
  if (running === undefined) throw new Error("nothing runs");
  const slot = board.path(running === "A" ? "slots/rootfs2" : "slots/rootfs3");
  for (const version of known) if (isSameContent(slot, board.file(`${version}.img`))) return version;
  throw new Error(`slot ${running} holds none of ${known.join(", ")}`);
}

const SCRIPTS = ["Install", "Reboot", "Commit", "Rollback", "Failure"].flatMap((state) =>
  ["Enter", "Leave"].map((action) => `Artifact${state}_${action}_00`),
);

/** An image whose Artifact has a script for every occasion. Each script records that it ran. */
export const imageWithScripts: Kind = {
  ...image,
  name: "image with state scripts",
  async setUp(board) {
    for (const name of SCRIPTS) {
      const lines = `#!/bin/sh\necho ${name} >>'${notes(board)}'\nsync '${notes(board)}'\n`;
      await writeFile(board.file(name), lines, { mode: 0o755 });
    }
  },
  async release(board, version) {
    const image = await board.image(version, "yes", IMAGE_KIB);
    const scripts = SCRIPTS.map((name) => board.file(name));
    await writeFile(notes(board), "");
    return board.write({ ...rootfsRequest(image), name: version, scripts });
  },
  async check(board, ended) {
    const said = (await readFile(notes(board), "utf8")).split("\n");
    if (ended === "committed" && !said.includes("ArtifactCommit_Leave_00"))
      throw new Error(`committed without ArtifactCommit_Leave: ${said.join(" ")}`);
    const wayBack = ["ArtifactRollback_Enter_00", "ArtifactFailure_Leave_00"];
    if (ended === "rolled back" && said.includes("ArtifactInstall_Enter_00") && !wayBack.every((s) => said.includes(s)))
      throw new Error(`rolled back without the scripts for it: ${said.join(" ")}`);
  },
};

const notes = (board: TestBoard): string => board.file("scripts-that-ran");

const APP_FILES = { dest_dir: "/", filename: "app.conf", permissions: "644" };
const contentOf = (version: string): string => `settings of ${version}\n`.repeat(1000);

/** The shipped module `single-file`. */
export const oneFile: Kind = {
  name: "update module",
  reboots: false,
  async setUp(board) {
    await shipModule(board, "single-file");
    await mkdir(board.file("app"));
    await writeFile(board.file("app/app.conf"), contentOf("v1"));
  },
  async release(board, version) {
    const path = board.file(`${version}.mender`);
    await writeFile(path, severalPayloads(version, [filePart(board, version)]));
    return path;
  },
  versions: async (board, known) => [await fileVersion(board, known)],
};

export const imageAndFile: Kind = {
  name: "several payloads",
  reboots: true,
  setUp: oneFile.setUp,
  async release(board, version) {
    const bytes = await readFile(await board.image(version, "yes", IMAGE_KIB));
    const path = board.file(`${version}.mender`);
    const rootfs = { type: "rootfs-image", files: { "system.img": bytes } };
    await writeFile(path, severalPayloads(version, [rootfs, filePart(board, version)]));
    return path;
  },
  versions: async (board, known) => [await runningVersion(board, known), await fileVersion(board, known)],
};

const filePart = (board: TestBoard, version: string) => ({
  type: "single-file",
  files: { ...APP_FILES, dest_dir: board.file("app"), "app.conf": contentOf(version) },
});

async function fileVersion(board: TestBoard, known: readonly string[]): Promise<string> {
  const text = await readFile(board.file("app/app.conf"), "utf8");
  const found = known.find((version) => contentOf(version) === text);
  if (found === undefined) throw new Error(`app.conf is of no version: ${text.slice(0, 40)}`);
  return found;
}

/** Gives the board a shipped update module. */
export async function shipModule(board: TestBoard, name: string): Promise<void> {
  const folder = board.path("share/modules/v3");
  await mkdir(folder, { recursive: true });
  await copyFile(`update-modules/${name}`, `${folder}/${name}`);
  await chmod(`${folder}/${name}`, 0o755);
}
