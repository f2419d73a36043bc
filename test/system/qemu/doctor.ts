import { describe, expect } from "vitest";
import type { Board } from "../../../qemu/image/board.ts";
import type { QemuBoard, Scenarios } from "./test-board.ts";

interface Fault {
  readonly title: string;
  /** Shell that damages the board, in a mount namespace of its own: what it mounts is gone afterwards. */
  damage(board: Board): string;
  /** Shell that mends what outlives that namespace. */
  mend?(board: Board): string;
  /** What is said to be wrong. */
  readonly wrong: readonly RegExp[];
}

const DATASTORE_LOST = /datastore|\/data|\/var\/lib\/mender/;
const FAULTS: readonly Fault[] = [
  {
    title: "both copies of the boot environment are damaged",
    damage: (board) => copies(board, "save").concat(copies(board, "damage")).join("; "),
    mend: (board) => copies(board, "restore").join("; "),
    wrong: [/environment/],
  },
  {
    title: "a slot is too small for the system that runs",
    damage: ({ partitionPrefix }) =>
      `truncate -s 8M /tmp/slot3; cp -a /etc/mender /tmp/mender; mount --bind /tmp/mender /etc/mender; ` +
      `sed -i 's|${partitionPrefix}3|/tmp/slot3|' /etc/mender/mender.conf`,
    wrong: [/^room for an update: .*8192 KiB, the running system takes/],
  },
  {
    title: "the data partition is not mounted",
    damage: () => "umount -l /data",
    wrong: [/^data partition: /, DATASTORE_LOST],
  },
  {
    title: "the clock says 1970",
    damage: () => "date +%s >/tmp/now; date -s @1000 >/dev/null",
    mend: () => "date -s @$(cat /tmp/now)",
    wrong: [/^clock: 1970-01-01T/],
  },
  {
    title: "a state script has no run bit",
    damage: () =>
      "cp -a /etc/mender /tmp/mender; mkdir -p /tmp/mender/scripts; echo 3 >/tmp/mender/scripts/version; " +
      "echo '#!/bin/sh' >/tmp/mender/scripts/Idle_Enter_00_look; mount --bind /tmp/mender /etc/mender",
    wrong: [/Idle_Enter_00_look: /],
  },
];

/** What `doctor` says of a board that is well, and of one that is not. */
export function doctorScenarios({ board, scenario }: Scenarios): void {
  describe("the doctor", () => {
    scenario("finds nothing wrong on a board that is well, and warns that it has no key", async () => {
      const complaints = ["ArtifactVerifyKeys: none: unsigned Artifacts are installed"];
      expect(await doctor(board())).toEqual({ exitCode: 0, complaints });
    });

    for (const { title, damage, mend, wrong } of FAULTS) {
      scenario(`says what is wrong when ${title}`, async () => {
        const { board: about } = board().bench;
        const { exitCode, complaints } = await doctor(board(), damage(about));
        if (mend !== undefined) await (await board().machine.guest()).must(mend(about));
        await board().shell("rm -rf /tmp/mender /tmp/slot3");
        expect(exitCode).toBe(1);
        for (const pattern of wrong) expect(complaints.join("\n")).toMatch(new RegExp(pattern, "m"));
      });
    }
  });
}

/** Runs it after `damage`. @returns all that is not ok, in lines `subject: found` */
async function doctor(board: QemuBoard, damage = "true"): Promise<{ exitCode: number; complaints: string[] }> {
  const { code, stdout, stderr } = await board.shell("unshare -m sh -s", `${damage}\nexec switchback doctor --json\n`);
  expect(stderr).toBe("");
  const { findings } = JSON.parse(stdout) as { readonly findings: readonly Readonly<Record<string, string>>[] };
  const complaints = findings.filter(({ level }) => level !== "ok");
  expect(complaints.filter(({ advice }) => !advice)).toEqual([]);
  return { exitCode: code, complaints: complaints.map(({ subject, found }) => `${subject}: ${found}`) };
}

/** Shell that works on both copies of the boot loader's environment, wherever the board keeps them. */
function copies({ image, bootMount }: Board, act: "save" | "damage" | "restore"): readonly string[] {
  const block = (offset: number): string =>
    `bs=1024 count=1 conv=notrunc ${act === "save" ? "skip" : "seek"}=${offset / 1024}`;
  const { bootloader, disk } = image;
  const places =
    bootloader.kind === "u-boot"
      ? (bootloader.environment.offsets ?? []).map((offset) => ({ path: disk?.device, where: block(offset) }))
      : [1, 2].map((copy) => ({
          path: `${bootMount}/grub-mender-grubenv/mender_grubenv${copy}/lock`,
          where: block(0),
        }));
  return places.map(({ path, where }, copy) => {
    const [from, to] =
      act === "save" ? [path, `/tmp/copy${copy}`] : [act === "damage" ? "/dev/zero" : `/tmp/copy${copy}`, path];
    return `dd if=${from} of=${to} ${where} 2>/dev/null`;
  });
}
