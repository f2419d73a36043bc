import { chmod, cp, mkdir, readdir, symlink, writeFile } from "node:fs/promises";
import { dirname, join, posix } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import type { ImageBoard } from "../board/schema.ts";
import { firstBootEntries } from "../first-boot.ts";
import { parseFstab } from "../inspect/mounts.ts";
import type { SystemTree } from "../inspect/system-tree.ts";
import type { Layout, PlacedPartition } from "../layout.ts";
import { partitionOf, placeholders } from "../placeholders.ts";
import { IMAGE_TIME } from "../run.ts";
import { sourceEntries } from "../source-files.ts";
import type { TreeEntry } from "../tree/entry.ts";
import { configurationFor } from "./configuration-for.ts";

/** The files of the agent on this machine. */
export interface AgentFiles {
  /** Folder with `switchback.mjs`, `chunks`, and the scripts that a device may get. */
  readonly bundle: string;
  /** The units of systemd, by name. */
  readonly units: Readonly<Record<string, string>>;
}

export interface SystemLayout {
  readonly board: ImageBoard;
  readonly layout: Layout;
  /** The root filesystem as it was. */
  readonly tree: SystemTree;
  readonly agent: AgentFiles;
  readonly artifactName?: string | undefined;
}

const DATA_MOUNT = "/data";
const LIBRARY = "usr/lib/switchback";
const UNITS = "usr/lib/systemd/system";
const WANTS = "etc/systemd/system/multi-user.target.wants";
const MODULES = "usr/share/mender/modules/v3";
const IDENTITY = "usr/share/mender/identity";
/** The units that run without a choice of the user. With a server, the daemon runs, too. */
const RESUME = "switchback-resume.service";
const DAEMON = "switchback.service";
const EXECUTABLE = 0o755;

/** Fills a folder with everything that the root filesystem gets. */
export async function layOutSystem(stage: string, system: SystemLayout): Promise<void> {
  const { board, layout, tree, agent, artifactName } = system;
  const put = async (path: string, text: string, mode = 0o644): Promise<void> => {
    const target = join(stage, path);
    await mkdir(dirname(target), { recursive: true });
    await writeFile(target, text, { mode });
    await chmod(target, mode);
  };
  const link = async (path: string, target: string): Promise<void> => {
    await mkdir(join(stage, dirname(path)), { recursive: true });
    await symlink(target, join(stage, path));
  };
  await putAgent(stage, agent, put, link);
  const mount = partitionOf(layout, "data")?.mount ?? DATA_MOUNT;
  for (const folder of [mount, ...layout.partitions.flatMap((each) => mountOf(each, board) ?? [])]) {
    await mkdir(join(stage, folder), { recursive: true });
  }
  await link("var/lib/mender", posix.join(mount, "mender"));
  const mine = configurationFor(board, layout, (partition) => mountOf(partition, board) ?? "");
  const given = parsedObject(await tree.text("/etc/mender/mender.conf"));
  await put("etc/mender/mender.conf", `${JSON.stringify(merged(given, mine), undefined, 2)}\n`);
  if (artifactName !== undefined) await put("etc/mender/artifact_info", `artifact_name=${artifactName}\n`);
  await put("etc/fstab", fstabText((await tree.text("/etc/fstab")) ?? "", board, layout));
  const environment = fwEnvConfig(board, layout);
  if (environment !== undefined) await put("etc/fw_env.config", environment);
  // systemd makes a new identity at the first start of a device.
  await put("etc/machine-id", "");
  const fill = placeholders(board, layout);
  for (const entry of firstBootEntries(board, mount, IMAGE_TIME)) await putEntry(stage, entry);
  const sources = { files: board.rootfs?.files ?? [], folder: board.folder, fill, time: IMAGE_TIME };
  for await (const entry of sourceEntries(sources)) await putEntry(stage, entry);
}

type Put = (path: string, text: string, mode?: number) => Promise<void>;
type Link = (path: string, target: string) => Promise<void>;

async function putAgent(stage: string, { bundle, units }: AgentFiles, put: Put, link: Link): Promise<void> {
  const copy = async (from: string, to: string): Promise<void> => {
    await mkdir(join(stage, dirname(to)), { recursive: true });
    await cp(join(bundle, from), join(stage, to), { recursive: true });
  };
  await copy("switchback.mjs", `${LIBRARY}/switchback.mjs`);
  await copy("chunks", `${LIBRARY}/chunks`);
  await link("usr/bin/switchback", "../lib/switchback/switchback.mjs");
  const shipped = await readdir(bundle);
  if (shipped.includes("identity")) await copy("identity/mender-device-identity", `${IDENTITY}/mender-device-identity`);
  if (shipped.includes("update-modules")) {
    for (const name of await readdir(join(bundle, "update-modules"))) {
      if (!name.includes(".")) await copy(`update-modules/${name}`, `${MODULES}/${name}`);
    }
  }
  for (const [name, text] of Object.entries(units)) await put(`${UNITS}/${name}`, text);
  for (const name of [RESUME, DAEMON])
    if (Object.hasOwn(units, name)) await link(`${WANTS}/${name}`, `/${UNITS}/${name}`);
}

/** Where a partition is mounted; `undefined` for slots, swap, and kernels that only the firmware reads. */
function mountOf({ role, mount }: PlacedPartition, { bootloader }: ImageBoard): string | undefined {
  if (mount !== undefined) return mount;
  if (role === "data") return DATA_MOUNT;
  return role === "boot" ? BOOT_MOUNTS[bootloader.kind] : undefined;
}

const BOOT_MOUNTS: Readonly<Record<string, string>> = {
  grub: "/boot/efi",
  "u-boot": "/uboot",
  "rpi-tryboot": "/boot/autoboot",
};

/** Keeps the lines that name no partition, such as those of tmpfs, and adds the partitions of the board. */
function fstabText(text: string, board: ImageBoard, layout: Layout): string {
  const kept = parseFstab(text).filter(({ source }) => !/^(?:\/dev\/|UUID=|LABEL=|PARTUUID=|PARTLABEL=)/.test(source));
  const lines = kept.map(({ source, folder, type, options }) => [source, folder, type, options.join(), "0", "0"]);
  for (const partition of layout.partitions) {
    const { role, node, filesystem } = partition;
    const folder = mountOf(partition, board);
    if (role === "swap") lines.push([node, "none", "swap", "sw", "0", "0"]);
    else if (folder !== undefined && role !== "rootfsA" && role !== "rootfsB") {
      lines.push([node, folder, filesystem, "defaults,noatime", "0", "2"]);
    }
  }
  return `# The boot loader chooses the device of /.\n${lines.map((line) => `${line.join(" ")}\n`).join("")}`;
}

/** Where U-Boot keeps its environment. */
function fwEnvConfig({ bootloader, disk }: ImageBoard, layout: Layout): string | undefined {
  if (bootloader.kind !== "u-boot" || disk === undefined) return undefined;
  const { offsets, files = [], size } = bootloader.environment;
  const boot = partitionOf(layout, "boot")?.mount ?? BOOT_MOUNTS["u-boot"] ?? "";
  const hex = (value: number): string => `0x${value.toString(16)}`;
  const places =
    offsets?.map((offset) => [disk.device, hex(offset)]) ?? files.map((name) => [posix.join(boot, name), "0x0"]);
  return places.map((place) => `${[...place, hex(size)].join(" ")}\n`).join("");
}

/** @throws {AgentError} CONVERT_ROOTFS: a broken configuration must not disappear unnoticed */
function parsedObject(text: string | undefined): Settings {
  if (text === undefined) return {};
  try {
    return asObject(JSON.parse(text));
  } catch (cause) {
    throw new AgentError("CONVERT_ROOTFS", { file: "/etc/mender/mender.conf" }, cause);
  }
}

type Settings = Readonly<Record<string, unknown>>;

/** What the board decides comes last, also within `Switchback`. */
function merged(given: Settings, mine: Settings): Settings {
  const own = { ...asObject(given["Switchback"]), ...asObject(mine["Switchback"]) };
  return { ...given, ...mine, ...(Object.keys(own).length > 0 && { Switchback: own }) };
}

const asObject = (value: unknown): Settings => (typeof value === "object" && value !== null ? { ...value } : {});

async function putEntry(stage: string, { path, kind, mode, target, content }: TreeEntry): Promise<void> {
  const place = join(stage, Buffer.from(path, "latin1").toString("utf8"));
  await mkdir(kind === "folder" ? place : dirname(place), { recursive: true });
  if (kind === "symlink") await symlink(target, place);
  if (kind !== "file") return;
  const chunks: Uint8Array[] = [];
  for await (const chunk of content()) chunks.push(chunk);
  await writeFile(place, Buffer.concat(chunks));
  await chmod(place, mode & 0o777 || EXECUTABLE);
}
