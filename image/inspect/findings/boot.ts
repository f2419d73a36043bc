import type { Facts } from "../facts.ts";
import type { BootloaderReport, ImageFinding } from "../report.ts";
import { good, warning, wrong } from "./say.ts";

const NAMES: Readonly<Record<BootloaderReport["kind"], string>> = {
  uboot: "U-Boot",
  grub: "GRUB",
  "systemd-boot": "systemd-boot",
  "rpi-tryboot": "tryboot",
};

/** Whether the boot loader starts a slot, and its environment survives a power cut. */
export function assessBoot({ bootloader, slots, systems }: Facts): readonly ImageFinding[] {
  if (bootloader === undefined) {
    const advice = "Integrate U-Boot, GRUB, systemd-boot or tryboot: see docs/reference/boot-loaders.md.";
    return [wrong("boot loader", "none that can return to the old slot", advice)];
  }
  const { kind, boots } = bootloader;
  const subject = `boot loader (${NAMES[kind]})`;
  const findings = environment(bootloader);
  if (boots === undefined) {
    const advice =
      kind === "uboot" || kind === "grub" ? "Set mender_boot_part in the environment." : "Correct its files.";
    return [...findings, wrong(subject, "it does not say which slot it boots", advice)];
  }
  if (boots.slot === undefined && slots.A !== undefined) {
    const found = `it boots partition ${boots.partition}, which is neither slot A nor slot B`;
    return [...findings, wrong(subject, found, "Make the boot loader and mender.conf name the same partitions.")];
  }
  if (!systems.some(({ partition }) => partition === boots.partition)) {
    const found = `it boots partition ${boots.partition}, which has no root filesystem that can be read`;
    return [...findings, warning(subject, found, "Put the root filesystem there, or boot the other slot.")];
  }
  if (boots.trial) {
    const advice = "Commit or roll back the update before you copy the disk of a device.";
    return [...findings, wrong(subject, `slot ${boots.slot} is on trial, so no update can be installed`, advice)];
  }
  return [...findings, good(subject, `boots slot ${boots.slot}, partition ${boots.partition}`)];
}

function environment({ environment: found, kind }: BootloaderReport): ImageFinding[] {
  if (found === undefined) return [];
  const subject = "boot environment";
  const valid = found.copies.filter((copy) => copy.valid).length;
  const places = found.copies.map(({ place }) => place).join("; ");
  if (valid === 0) {
    const advice =
      kind === "uboot"
        ? "Write it with mkenvimage (-r for two copies) to the places in /etc/fw_env.config."
        : "Copy both folders of the environment to the boot partition again.";
    return [wrong(subject, `no copy is valid: ${places}`, advice)];
  }
  if (found.copies.length === 1) {
    const advice = "Configure a redundant environment: a power cut during a write destroys the only copy.";
    return [warning(subject, `only one copy: ${places}`, advice)];
  }
  if (valid === 1) {
    const bad = found.copies.find((copy) => !copy.valid)?.place;
    return [
      warning(
        subject,
        `one of two copies is not valid: ${bad}`,
        "Write both copies: a power cut can destroy the other.",
      ),
    ];
  }
  return [good(subject, `two valid copies: ${places}`)];
}
