import { AgentError } from "../../src/errors/agent-error.ts";
import { readSmallFile } from "../../src/util/small-file.ts";
import { diskNumber, interfaceOf } from "./environment-place.ts";
import { partitionNamed, type YoctoPartition } from "./partitions.ts";
import { listOf, valueIn } from "./read-variables.ts";
import type { Settings } from "./settings.ts";

/** What bootz, booti and bootm are for. */
const COMMANDS: readonly (readonly [RegExp, string])[] = [
  [/^zImage/, "bootz"],
  [/^Image$/, "booti"],
];

/**
 * The text of U-Boot's environment. It counts the boots of a slot on trial, and returns to the other one.
 *
 * @param initial text of the default environment, as the build of U-Boot writes it (u-boot-initial-env)
 * @throws {AgentError} YOCTO_VARIABLE_MISSING, YOCTO_VARIABLE
 */
export function uBootText(settings: Settings, partitions: readonly YoctoPartition[], initial = ""): string {
  const { variables } = settings;
  const lines = new Map([...linesOf(initial), ...linesOf(slotChoice(settings, partitions))]);
  const extra = valueIn(variables, "SWITCHBACK_UBOOT_ENVIRONMENT");
  if (extra !== undefined) for (const [name, value] of linesOf(textOf(extra))) lines.set(name, value);
  return `${[...lines].map(([name, value]) => `${name}=${value}`).join("\n")}\n`;
}

function slotChoice(settings: Settings, partitions: readonly YoctoPartition[]): string {
  const { variables, base } = settings;
  const number = (role: "rootfsA" | "rootfsB"): number => partitionNamed(partitions, role).number;
  const [a, b] = [number("rootfsA"), number("rootfsB")];
  const hex = (partition: number): string => partition.toString(16).toUpperCase();
  const kernel =
    valueIn(variables, "MENDER_KERNEL_IMAGETYPE_FORCE") ?? valueIn(variables, "KERNEL_IMAGETYPE") ?? "zImage";
  const [tree = ""] = treesOf(settings);
  const choose = (to: number): string => `setenv mender_boot_part ${to}; setenv mender_boot_part_hex ${hex(to)}`;
  const before = commands(settings, "pre", (name) => `run ${name}; `);
  const after = commands(settings, "post", (name) => `; run ${name}`);
  const disk = `${interfaceOf(settings)} ${diskNumber(settings)}`;
  return `bootlimit=1
bootcount=0
upgrade_available=0
mender_boot_part=${a}
mender_boot_part_hex=${hex(a)}
mender_check_saveenv_canary=1
mender_uboot_dev=${diskNumber(settings)}
mender_uboot_if=${interfaceOf(settings)}
mender_kernel_name=${kernel}
mender_dtb_name=${tree}
mender_boot_kernel_type=${COMMANDS.find(([image]) => image.test(kernel))?.[1] ?? "bootm"}
${before.line}${after.line}mender_setup=if test "\${mender_saveenv_canary}" != "1"; then setenv mender_saveenv_canary 1; saveenv; fi; ${before.run}setenv mender_uboot_root ${disk}:\${mender_boot_part_hex}; setenv mender_kernel_root ${base}\${mender_boot_part}${after.run}
mender_altbootcmd=if test "\${mender_boot_part}" = "${a}"; then ${choose(b)}; else ${choose(a)}; fi; setenv upgrade_available 0; saveenv; run mender_setup
mender_try_to_recover=if test "\${upgrade_available}" = "1"; then reset; fi
altbootcmd=run mender_altbootcmd; run bootcmd
mender_kernel_args=${kernelArguments(settings)}
bootcmd=${valueIn(variables, "SWITCHBACK_UBOOT_BOOTCMD") ?? bootCommand(tree)}
`;
}

/** Commands that the board has around the choice of the slot. */
function commands({ variables }: Settings, when: "pre" | "post", run: (name: string) => string) {
  const value = valueIn(variables, `MENDER_UBOOT_${when.toUpperCase()}_SETUP_COMMANDS`);
  const name = `mender_${when}_setup_commands`;
  return value === undefined ? { line: "", run: "" } : { line: `${name}=${value}\n`, run: run(name) };
}

/** Without a device tree in the variables, the kernel gets the one that U-Boot itself has. */
function bootCommand(tree: string): string {
  const load = (address: string, file: string): string => `load \${mender_uboot_root} \${${address}} boot/\${${file}}`;
  const loadTree = tree === "" ? "" : `${load("fdt_addr_r", "mender_dtb_name")}; `;
  const start = `\${mender_boot_kernel_type} \${kernel_addr_r} - \${${tree === "" ? "fdtcontroladdr" : "fdt_addr_r"}}`;
  return [
    "run mender_setup",
    `setenv bootargs root=\${mender_kernel_root} \${mender_kernel_args}`,
    // A service of the device stores the identity of systemd, so that both slots have the same.
    `if test -n "\${mender_systemd_machine_id}"; then setenv bootargs "\${bootargs} systemd.machine_id=\${mender_systemd_machine_id}"; fi`,
    `if ${load("kernel_addr_r", "mender_kernel_name")}; then ${loadTree}${start}; fi`,
    "run mender_try_to_recover",
  ].join("; ");
}

/** Arguments of the kernel after `root=`. */
export function kernelArguments({ variables }: Settings): string {
  const given = valueIn(variables, "SWITCHBACK_KERNEL_ARGS") ?? "";
  const [speed, console] = listOf(variables, "SERIAL_CONSOLES")[0]?.split(";") ?? [];
  const isGiven = /(?:^| )console=/.test(given) || console === undefined;
  return isGiven ? given : `${given} console=${console},${speed}`;
}

/** The names of the device trees in /boot. */
function treesOf({ variables }: Settings): readonly string[] {
  const forced = valueIn(variables, "MENDER_DTB_NAME_FORCE");
  const names = forced === undefined ? listOf(variables, "KERNEL_DEVICETREE") : [forced];
  return names.map((name) => name.replace(/^.*\//, "")).filter((name) => name.endsWith(".dtb"));
}

/** Lines `name=value`, as `mkenvimage` takes them. */
function* linesOf(text: string): Generator<readonly [name: string, value: string]> {
  for (const line of text.replace(/\\\n/g, "").split("\n")) {
    const at = line.indexOf("=");
    if (at > 0 && !line.startsWith("#")) yield [line.slice(0, at), line.slice(at + 1)];
  }
}

function textOf(path: string): string {
  try {
    return readSmallFile(path);
  } catch (cause) {
    throw new AgentError("YOCTO_VARIABLE", { variable: "SWITCHBACK_UBOOT_ENVIRONMENT", value: path }, cause);
  }
}
