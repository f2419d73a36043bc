import { readdirSync } from "node:fs";
import { basename, join } from "node:path";
import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallBytes, readSmallFile } from "../../src/util/small-file.ts";
import { environmentPlace, fwEnvConfig } from "./environment-place.ts";
import { fstabOf, mountsOf } from "./mounts.ts";
import { numberOf } from "./numbers.ts";
import { partitionNamed, partitionsOf } from "./partitions.ts";
import { listOf, valueIn } from "./read-variables.ts";
import type { Settings } from "./settings.ts";
import type { TextFile } from "./write-files.ts";

type Keys = Readonly<Record<string, unknown>>;

const FRAGMENTS = "SWITCHBACK_CONFIGURATION_FRAGMENTS";
const VERIFY_KEY = "MENDER_ARTIFACT_VERIFY_KEY";
const VERIFY_KEY_FILE = "/etc/mender/artifact-verify-key.pem";
/** The token of the account stands in it. */
const SECRET = 0o600;

/**
 * What an image and its data partition need from the build: below `rootfs` and `data`, and in `fstab` the lines to add to
 * the one of the image. Paths that end with `/` are folders.
 *
 * @param folder further fragments of mender.conf: all files there whose names end with `.json`, by name
 * @throws {AgentError} YOCTO_VARIABLE, YOCTO_SPACE
 */
export function configurationFiles(settings: Settings, folder?: string): readonly TextFile[] {
  const { variables, bootloader, deviceType } = settings;
  const partitions = partitionsOf(settings);
  const mounts = mountsOf(settings, partitions);
  const slots = {
    RootfsPartA: partitionNamed(partitions, "rootfsA").device,
    RootfsPartB: partitionNamed(partitions, "rootfsB").device,
  };
  const kinds = { "u-boot": "uboot", grub: "grub", none: undefined } as const;
  const kind = kinds[bootloader];
  const own = { ...slots, ...serverKeys(settings), ...(kind !== undefined && { Switchback: { Bootloader: kind } }) };
  const all = [...fragments(settings, folder)].reduce(merged, own);
  const persistent = listOf(variables, "MENDER_PERSISTENT_CONFIGURATION_VARS");
  const isPersistent = ([key]: readonly [string, unknown]): boolean => persistent.includes(key);
  const entries = Object.entries(all);
  const [kept, moved] = [entries.filter((each) => !isPersistent(each)), entries.filter(isPersistent)];
  const name = valueIn(variables, "MENDER_ARTIFACT_NAME");
  const key = valueIn(variables, VERIFY_KEY);
  const file = (path: string, content: string | Uint8Array, mode = 0o644): TextFile => ({ path, content, mode });
  return [
    file("fstab", fstabOf(mounts)),
    ...mounts.filter((each) => each.folder.startsWith("/")).map((each) => file(`rootfs${each.folder}/`, "", 0o755)),
    file("rootfs/etc/mender/mender.conf", json(kept), "TenantToken" in all ? SECRET : undefined),
    file("rootfs/etc/mender/scripts/version", valueIn(variables, "MENDER_STATE_SCRIPTS_VERSION") ?? ""),
    ...(name === undefined ? [] : [file("rootfs/etc/mender/artifact_info", `artifact_name=${name}\n`)]),
    ...(key === undefined ? [] : [file(`rootfs${VERIFY_KEY_FILE}`, bytesOf(VERIFY_KEY, key))]),
    ...(bootloader === "u-boot" ? [file("rootfs/etc/fw_env.config", fwEnvConfig(environmentPlace(settings)))] : []),
    file("data/mender/", "", 0o700),
    file("data/mender/device_type", `device_type=${deviceType}\n`),
    ...(moved.length === 0 ? [] : [file("data/mender/mender.conf", json(moved), SECRET)]),
  ];
}

const json = (entries: readonly (readonly [string, unknown])[]): string =>
  `${JSON.stringify(Object.fromEntries(entries), undefined, 2)}\n`;

/** The keys of mender.conf that have variables. */
function serverKeys({ variables }: Settings): Keys {
  const text = (key: string, name: string): Keys => {
    const value = valueIn(variables, name);
    return value === undefined ? {} : { [key]: value };
  };
  // Without the variable, the agent's own default applies.
  const seconds = (key: string, name: string): Keys =>
    variables.has(name) ? { [key]: numberOf(variables, name) } : {};
  return {
    ...text("ServerURL", "MENDER_SERVER_URL"),
    ...text("TenantToken", "MENDER_TENANT_TOKEN"),
    ...text("ServerCertificate", "MENDER_CERT_LOCATION"),
    ...(variables.has(VERIFY_KEY) && { ArtifactVerifyKey: VERIFY_KEY_FILE }),
    ...seconds("UpdatePollIntervalSeconds", "MENDER_UPDATE_POLL_INTERVAL_SECONDS"),
    ...seconds("InventoryPollIntervalSeconds", "MENDER_INVENTORY_POLL_INTERVAL_SECONDS"),
    ...seconds("RetryPollIntervalSeconds", "MENDER_RETRY_POLL_INTERVAL_SECONDS"),
  };
}

function* fragments({ variables }: Settings, folder: string | undefined): Generator<Keys> {
  const names =
    folder === undefined
      ? []
      : readdirSync(folder)
          .filter((name) => name.endsWith(".json"))
          .toSorted();
  for (const path of [...names.map((name) => join(folder ?? "", name)), ...listOf(variables, FRAGMENTS)]) {
    yield fragmentIn(path);
  }
}

function fragmentIn(path: string): Keys {
  let parsed: unknown;
  try {
    parsed = JSON.parse(readSmallFile(path));
  } catch (cause) {
    throw new AgentError("YOCTO_VARIABLE", { variable: FRAGMENTS, value: basename(path) }, cause);
  }
  if (typeof parsed === "object" && parsed !== null && !Array.isArray(parsed)) return { ...parsed };
  throw new AgentError("YOCTO_VARIABLE", { variable: FRAGMENTS, value: basename(path), reason: "not a JSON object" });
}

/** A later fragment wins; the members of objects are merged. Keys count without their case, as the agent reads them. */
function merged(one: Keys, two: Keys): Keys {
  const result: Record<string, unknown> = { ...one };
  for (const [key, value] of Object.entries(two)) {
    const same = Object.keys(result).find((each) => each.toLowerCase() === key.toLowerCase()) ?? key;
    const [before, after] = [asObject(result[same]), asObject(value)];
    result[same] = before === undefined || after === undefined ? value : merged(before, after);
  }
  return result;
}

const asObject = (value: unknown): Keys | undefined =>
  typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;

function bytesOf(variable: string, path: string): Uint8Array {
  try {
    return readSmallBytes(path);
  } catch (cause) {
    throw new AgentError("YOCTO_VARIABLE", { variable, value: path }, cause);
  }
}
