import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { SystemFate } from "../../../../src/contracts/bootloader-rig.ts";
import { otherSlot, type SlotId } from "../../../../src/ports/bootloader.ts";

const BLOCK_BYTES = 1024;
const SIGNATURE = "# GRUB Environment Block\n";
const KNOWN = ["bootcount", "mender_boot_part", "upgrade_available", "mender_systemd_machine_id"] as const;
type Variables = Readonly<Record<string, string>>;

/** GRUB with Mender's boot script, written down a second time: the adapter is tested against it. */
export class GrubBoard {
  readonly folder: string;
  private readonly partitions: Readonly<Record<SlotId, number>>;

  constructor(folder: string, partitions: Readonly<Record<SlotId, number>>) {
    this.folder = folder;
    this.partitions = partitions;
    for (const copy of [1, 2]) mkdirSync(join(folder, `mender_grubenv${copy}`), { recursive: true });
    this.install();
  }

  /** As the build of an image puts it on the boot partition. */
  install(): void {
    for (const copy of [1, 2] as const) {
      this.store(copy, "env", { bootcount: "0", mender_boot_part: `${this.partitions.A}`, upgrade_available: "0" });
      this.store(copy, "lock", { editing: "0" });
      const hash = createHash("sha256")
        .update(readFileSync(this.path(copy, "lock")))
        .digest("hex");
      writeFileSync(join(this.folder, `mender_grubenv${copy}`, "lock.sha256sum"), `${hash}  lock\n`);
    }
  }

  path(copy: 1 | 2, file: "env" | "lock"): string {
    return join(this.folder, `mender_grubenv${copy}`, file);
  }

  /** A start with the power just given. @returns the slot that comes up */
  boot(fates: Readonly<Record<SlotId, SystemFate>>): SlotId | undefined {
    for (let start = 0; start < 10; start += 1) {
      if (this.load(2, "lock")["editing"] !== "0") this.restore(1, 2);
      else if (this.load(1, "lock")["editing"] !== "0") this.restore(2, 1);
      let slot = this.chosen();
      const { upgrade_available: trial, bootcount } = this.load(1, "env");
      if (trial === "1") {
        if (bootcount !== "0") slot = otherSlot(slot);
        const plan = bootcount === "0" ? { bootcount: "1" } : { bootcount: "0", upgrade_available: "0" };
        this.save({ ...this.load(1, "env"), mender_boot_part: `${this.partitions[slot]}`, ...plan });
      }
      if (fates[slot] === "up") return slot;
      if (fates[slot] === "hangs" || this.load(1, "env")["upgrade_available"] !== "1") return undefined;
    }
    return undefined;
  }

  private chosen(): SlotId {
    return this.load(1, "env")["mender_boot_part"] === `${this.partitions.B}` ? "B" : "A";
  }

  private restore(from: 1 | 2, to: 1 | 2): void {
    this.store(to, "env", { ...this.load(to, "env"), ...known(this.load(from, "env")) });
    this.store(to, "lock", { editing: "0" });
  }

  private save(variables: Variables): void {
    for (const copy of [2, 1] as const) {
      this.store(copy, "lock", { editing: "1" });
      this.store(copy, "env", { ...this.load(copy, "env"), ...known(variables) });
      this.store(copy, "lock", { editing: "0" });
    }
  }

  private load(copy: 1 | 2, file: "env" | "lock"): Variables {
    const lines = readFileSync(this.path(copy, file), "latin1").split("\n");
    return Object.fromEntries(lines.filter((line) => /^\w+=/.test(line)).map((line) => line.split("=")));
  }

  private store(copy: 1 | 2, file: "env" | "lock", variables: Variables): void {
    const lines = Object.entries(variables).map(([key, value]) => `${key}=${value}\n`);
    writeFileSync(this.path(copy, file), (SIGNATURE + lines.join("")).padEnd(BLOCK_BYTES, "#"));
  }
}

const known = (variables: Variables): Variables =>
  Object.fromEntries(KNOWN.flatMap((key) => (variables[key] === undefined ? [] : [[key, variables[key]]])));
