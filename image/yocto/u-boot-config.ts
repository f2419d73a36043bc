import { AgentError } from "../../src/errors/agent-error.ts";
import { type EnvironmentPlace, hex } from "./environment-place.ts";

/** A symbol that U-Boot's configuration must have, under its name or under the one of other versions. */
interface Wanted {
  readonly names: readonly string[];
  /** `y`, `n`, or a number. */
  readonly value: string;
  readonly why: string;
}

/**
 * Where U-Boot can keep its environment besides an MMC device. It asks several places in a fixed order, in which most of
 * these come first, and many boards have one of them on by default: the Raspberry Pi FAT, the Versatile Express FLASH.
 */
const OTHER_PLACES: readonly string[] = (
  ["EEPROM", "EXT4", "FAT", "FLASH", "NAND", "NVRAM", "ONENAND", "REMOTE", "SPI_FLASH", "UBI"] as const
).map((place) => `ENV_IS_IN_${place}`);

/**
 * What U-Boot must be configured to, so that it and the agent read the same environment, and a trial is counted. Newer
 * versions have other names for some symbols; Kconfig drops those that a version does not know.
 */
function wantedOf({ offsets, bytes, mmc, hardwarePartition, device }: EnvironmentPlace): readonly Wanted[] {
  const isMmc = device.startsWith("/dev/mmcblk");
  const inMmc: readonly Wanted[] = [
    { names: ["ENV_IS_IN_MMC"], value: "y", why: "the environment is on the disk" },
    ...OTHER_PLACES.map((name) => ({
      names: [name],
      value: "n",
      why: "the agent knows the environment on the disk only",
    })),
    { names: ["ENV_OFFSET"], value: hex(offsets[0]), why: "fw_env.config names this place of the first copy" },
    { names: ["ENV_OFFSET_REDUND"], value: hex(offsets[1]), why: "fw_env.config names this place of the second copy" },
    { names: ["ENV_MMC_DEVICE_INDEX", "SYS_MMC_ENV_DEV"], value: String(mmc), why: "the disk has this number" },
    {
      names: ["ENV_MMC_EMMC_HW_PARTITION", "SYS_MMC_ENV_PART"],
      value: String(hardwarePartition),
      why: "fw_env.config names this part of the eMMC",
    },
  ];
  return [
    ...(isMmc ? inMmc : []),
    { names: ["ENV_SIZE"], value: hex(bytes), why: "fw_env.config names this size" },
    { names: ["ENV_REDUNDANT", "SYS_REDUNDAND_ENVIRONMENT"], value: "y", why: "one copy must survive a power cut" },
    { names: ["ENV_IS_NOWHERE"], value: "n", why: "U-Boot must keep its environment" },
    { names: ["BOOTCOUNT_LIMIT"], value: "y", why: "a trial that does not boot must end" },
    { names: ["BOOTCOUNT_ENV"], value: "y", why: "the agent resets the count in the environment" },
  ];
}

/** A fragment for Kconfig. */
export function uBootFragment(place: EnvironmentPlace): string {
  const line = (name: string, value: string): string =>
    value === "n" ? `# CONFIG_${name} is not set` : `CONFIG_${name}=${value}`;
  const lines = wantedOf(place).flatMap(({ names, value }) => names.map((name) => line(name, value)));
  return `# The environment of U-Boot, for Switchback. Newer versions of U-Boot have other names for some of these.
${lines.join("\n")}\n`;
}

/**
 * Compares U-Boot's `.config` with the layout of the disk.
 *
 * @param file path for messages
 * @throws {AgentError} YOCTO_UBOOT_CONFIG, which names every symbol that differs
 */
export function checkUBootConfig(text: string, file: string, place: EnvironmentPlace): void {
  const has = new Map<string, string>();
  for (const [, name = "", value = ""] of text.matchAll(/^CONFIG_(\w+)=(.*)$/gm)) has.set(name, value);
  const found = ({ names, value }: Wanted): string => {
    const given = names.map((name) => has.get(name)).find((each) => each !== undefined);
    // Kconfig leaves numbers out that have no use: 0 is the value then.
    return given ?? (value === "0" ? "0" : "n");
  };
  const problems = wantedOf(place)
    .filter((wanted) => !same(found(wanted), wanted.value))
    .map((wanted) => `CONFIG_${wanted.names[0]}=${found(wanted)} must be ${wanted.value}: ${wanted.why}`);
  if (problems.length > 0) throw new AgentError("YOCTO_UBOOT_CONFIG", { file, problems: problems.join("; ") });
}

const same = (one: string, two: string): boolean =>
  one === two || (/^(?:0x)?[0-9a-f]+$/i.test(one) && Number(one) === Number(two));
