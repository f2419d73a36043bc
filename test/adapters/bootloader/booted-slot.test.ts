import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { createBootedSlot } from "../../../adapters/bootloader/booted-slot.ts";
import { normalizeSlotPath } from "../../../adapters/bootloader/slot-path.ts";
import { slotPartitions } from "../../../adapters/linux/partition-number.ts";
import { createRunningSystem } from "../../../adapters/linux/running-system.ts";

const { signal } = new AbortController();
let root = "";
beforeEach(async () => {
  root = await mkdtemp(join(tmpdir(), "switchback-slots-"));
});
afterEach(() => rm(root, { recursive: true }));

interface MadeUp {
  /** Slots as configured. */
  readonly slots: readonly [string, string];
  /** Device number of the file system at `/`. */
  readonly dev: number;
  /** Block devices by path. */
  readonly nodes?: Readonly<Record<string, number>>;
  readonly files?: Readonly<Record<string, string>>;
  readonly links?: Readonly<Record<string, string>>;
  /** Devices that the kernel has given to a mount. */
  readonly claimed?: readonly string[];
  /** Receives the log lines. */
  readonly lines?: string[];
}

const P2 = 0xb302;
const P3 = 0xb303;
const MMC = { "/dev/mmcblk0p2": P2, "/dev/mmcblk0p3": P3 };
const MMC_SLOTS = ["/dev/mmcblk0p2", "/dev/mmcblk0p3"] as const;
const ANONYMOUS = 0x1c;

const mounts = (...lines: readonly string[]) => ({ "/proc/self/mountinfo": `${lines.join("\n")}\n` });
const commandLine = (text: string) => ({ "/proc/cmdline": `console=ttyS0 ${text} rootwait\n` });

async function booted({ slots: [A, B], dev, nodes = {}, files = {}, links = {}, claimed = [], lines = [] }: MadeUp) {
  for (const [path, text] of Object.entries(files)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), text);
  }
  for (const [path, target] of Object.entries(links)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await symlink(target, join(root, path));
    await mkdir(join(root, "dev"), { recursive: true });
    await writeFile(join(root, "dev", target.split("/").at(-1) ?? ""), "");
  }
  const system = createRunningSystem({
    root,
    async stat(path) {
      const inside = path.slice(root.length) || "/";
      const target = links[inside] === undefined ? inside : `/dev/${links[inside].split("/").at(-1)}`;
      const rdev = nodes[target];
      if (rdev === undefined && inside !== "/") throw new Error("ENOENT");
      return { dev, rdev: rdev ?? 0, isBlockDevice: () => rdev !== undefined };
    },
    isClaimed: async (path) => claimed.includes(path.slice(root.length)),
  });
  return createBootedSlot({ slots: { A, B }, system, log: (level, text) => lines.push(`${level}: ${text}`) })(signal);
}

test("the device number of the root file system decides", async () => {
  expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: P2 })).toBe("A");
  expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: P3 })).toBe("B");
});

test("what the kernel runs from wins over what its command line says", async () => {
  const files = commandLine("root=/dev/mmcblk0p3");
  expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: P2, files })).toBe("A");
});

test("minor numbers above 255 are distinguished", async () => {
  const nodes = { "/dev/nvme0n1p2": 0x0010_0300, "/dev/nvme0n1p3": 0x0020_0300 };
  expect(await booted({ slots: ["/dev/nvme0n1p2", "/dev/nvme0n1p3"], nodes, dev: 0x0020_0300 })).toBe("B");
});

for (const argument of [
  "root=/dev/mmcblk0p3",
  "root=/dev/mmcblk0p2 root=/dev/mmcblk0p3",
  "root=PARTUUID=0A1B-03",
  "root=PARTLABEL=rootfsb",
  "root=UUID=cafe-1",
  'root="LABEL=root b"',
  "root=/dev/disk/by-partuuid/0a1b-03",
  "root=179:3",
  "root=b303",
]) {
  test(`an overlay whose kernel was started with ${argument} runs from slot B`, async () => {
    const files = {
      ...commandLine(argument),
      ...mounts("25 1 0:28 / / rw - overlay overlay rw,lowerdir=/ro,upperdir=/rw"),
    };
    const links = {
      "/dev/disk/by-partuuid/0a1b-03": "../../mmcblk0p3",
      "/dev/disk/by-partlabel/rootfsb": "../../mmcblk0p3",
      "/dev/disk/by-uuid/cafe-1": "../../mmcblk0p3",
      "/dev/disk/by-label/root\\x20b": "../../mmcblk0p3",
    };
    expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, files, links })).toBe("B");
  });
}

for (const [argument, line] of [
  ["root=PARTUUID=0A1B-03", "PARTUUID=0a1b-03"],
  ["root=PARTLABEL=rootfsb", "PARTNAME=rootfsb"],
] as const) {
  test(`${argument} is found without udev`, async () => {
    const files = {
      ...commandLine(argument),
      "/sys/class/block/mmcblk0p2/uevent": "PARTUUID=0a1b-02\nPARTNAME=rootfsa\n",
      "/sys/class/block/mmcblk0p2/dev": "179:2\n",
      "/sys/class/block/mmcblk0p3/uevent": `DEVTYPE=partition\n${line}\n`,
      "/sys/class/block/mmcblk0p3/dev": "179:3\n",
    };
    expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, files })).toBe("B");
  });
}

test("an overlay without a root argument is known by its lower folder's mount", async () => {
  const files = mounts(
    "24 1 179:3 / /media/ro\\040fs ro - ext4 /dev/root ro",
    "25 1 0:28 / / rw - overlay overlay rw,lowerdir=/nothing:/media/ro\\040fs,upperdir=/rw",
  );
  expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, files })).toBe("B");
});

const OVERLAY = "25 1 0:28 / / rw - overlay overlay rw,lowerdir=/ro,upperdir=/rw";
const LINK_TO_A = { "/dev/disk/by-label/root": "../../mmcblk0p2" };
const BY_LABEL = { slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, links: LINK_TO_A };
const udev = (number: string, label: string) => ({
  [`/run/udev/data/b${number}`]: `S:x\nE:ID_FS_LABEL_ENC=${label}\n`,
});

for (const [title, lines] of [
  ["is mounted", ["24 1 179:3 / /ro ro - ext4 /dev/root ro", OVERLAY]],
  [
    "is hidden by another mount",
    ["24 1 179:3 / /ro ro - ext4 /dev/root ro", "26 1 0:5 / /ro rw - tmpfs none rw", OVERLAY],
  ],
  ["was moved", ["24 1 179:3 / /media/lower ro - ext4 /dev/root ro", OVERLAY]],
  ["lies below the overlay at /", ["24 1 179:3 / / ro - ext4 /dev/root ro", OVERLAY.replace("/ro", "/")]],
  ["has a colon in its name", ["24 1 179:3 / /a:b ro - ext4 /dev/root ro", OVERLAY.replace("/ro", "/x:/a\\134:b")]],
  ["is one of several options", ["24 1 179:3 / /a,b ro - ext4 /dev/root ro", OVERLAY.replace("=/ro", "+=/a\\054b")]],
] as const) {
  test(`where a lower layer ${title}, its device number wins over a label that udev has linked to the other slot`, async () => {
    const files = { ...commandLine("root=LABEL=root"), ...mounts(...lines) };
    expect(await booted({ ...BY_LABEL, files })).toBe("B");
  });
}

test("where the lower layer is out of sight, the only slot that the kernel has given away is the booted one", async () => {
  const files = { ...commandLine("root=LABEL=root"), ...mounts(OVERLAY) };
  expect(await booted({ ...BY_LABEL, files, claimed: ["/dev/mmcblk0p3"] })).toBe("B");
});

test("a slot in use proves nothing where the root was surely asked for on a third device", async () => {
  const files = { ...commandLine("root=179:5"), ...mounts("24 1 179:3 / /mnt rw - ext4 /dev/mmcblk0p3 rw", OVERLAY) };
  await expect(booted({ ...BY_LABEL, files })).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
});

test("where both slots are in use, PARTUUID decides by the kernel's record and not by udev's link", async () => {
  const files = {
    ...commandLine("root=PARTUUID=0a1b-03"),
    ...mounts(OVERLAY),
    "/sys/class/block/mmcblk0p3/uevent": "PARTUUID=0a1b-03\n",
    "/sys/class/block/mmcblk0p3/dev": "179:3\n",
  };
  const links = { "/dev/disk/by-partuuid/0a1b-03": "../../mmcblk0p2" };
  expect(await booted({ ...BY_LABEL, files, links, claimed: Object.keys(MMC) })).toBe("B");
});

for (const argument of ["root=LABEL=root", "root=/dev/disk/by-label/root"]) {
  test(`${argument} decides where one device carries the label, and never where both slots do`, async () => {
    const files = { ...commandLine(argument), ...mounts(OVERLAY), ...udev("179:2", "other"), ...udev("179:3", "root") };
    const lines: string[] = [];
    expect(await booted({ ...BY_LABEL, files, lines })).toBe("B");
    expect(lines).toEqual([]);
    const both = { ...files, ...udev("179:2", "root") };
    await rm(root, { recursive: true });
    await expect(booted({ ...BY_LABEL, files: both })).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
  });
}

test("a link by label that nothing confirms is the last resort, and the log says why", async () => {
  const lines: string[] = [];
  const files = { ...commandLine("root=LABEL=root"), ...mounts(OVERLAY) };
  expect(await booted({ ...BY_LABEL, files, lines })).toBe("A");
  expect(lines).toEqual([
    "warning: Assuming that slot A is booted: /dev/disk/by-label/root is the only evidence, and another device may carry the same LABEL",
  ]);
});

test("btrfs, whose device number is anonymous, is known by its mount's source", async () => {
  const files = mounts(
    "1 1 0:2 / / rw - rootfs rootfs rw",
    "25 1 0:28 /@ / rw shared:1 - btrfs /dev/mmcblk0p3 rw,subvol=/@",
  );
  expect(await booted({ slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, files })).toBe("B");
});

const UBI_NAMES = {
  "/sys/class/ubi/ubi0_0/name": "rootfsa\n",
  "/sys/class/ubi/ubi0_1/name": "rootfsb\n",
  "/sys/class/ubi/ubi1_0/name": "rootfsb\n",
};
for (const [source, slot] of [
  ["ubi0_0", "A"],
  ["/dev/ubi0_1", "B"],
  ["ubi0:rootfsa", "A"],
  ["ubi0:rootfsb", "B"],
  ["ubi:rootfsb", "B"],
] as const) {
  for (const slots of [["ubi0_0", "ubi0_1"] as const, ["/dev/ubi0_0", "/dev/ubi0_1"] as const]) {
    test(`with slots ${slots.join(" and ")} a root mounted from ${source} is slot ${slot}`, async () => {
      const files = { ...UBI_NAMES, ...mounts(`25 1 0:15 / / ro - ubifs ${source} ro`) };
      expect(await booted({ slots, dev: ANONYMOUS, files })).toBe(slot);
    });
  }
}

test("a volume's name counts on its own UBI device only", async () => {
  const files = { ...UBI_NAMES, ...mounts("25 1 0:15 / / ro - ubifs ubi1:rootfsb ro") };
  expect(await booted({ slots: ["ubi1_0", "ubi1_1"], dev: ANONYMOUS, files })).toBe("A");
});

test("an overlay on UBI is known by the root argument", async () => {
  const files = {
    ...UBI_NAMES,
    ...commandLine("ubi.mtd=ubi root=ubi0:rootfsb rootfstype=ubifs"),
    ...mounts("25 1 0:28 / / rw - overlay overlay rw"),
  };
  expect(await booted({ slots: ["ubi0_0", "ubi0_1"], dev: ANONYMOUS, files })).toBe("B");
});

test("slots given by partition UUID are the devices behind the links", async () => {
  const links = {
    "/dev/disk/by-partuuid/aaaa": "../../mmcblk0p2",
    "/dev/disk/by-partuuid/bbbb": "../../mmcblk0p3",
  };
  const slots = ["/dev/disk/by-partuuid/aaaa", "/dev/disk/by-partuuid/bbbb"] as const;
  expect(await booted({ slots, nodes: MMC, links, dev: P3 })).toBe("B");
  const { realpath } = createRunningSystem({ root });
  const [A, B] = slots.map((path) => normalizeSlotPath(path, realpath));
  expect(slotPartitions(A ?? "", B ?? "")).toEqual({ A: 2, B: 3 });
});

for (const [title, world] of [
  ["a root on another partition", { slots: MMC_SLOTS, nodes: MMC, dev: 0xb305 }],
  [
    "a root on another UBI volume",
    { slots: ["ubi0_0", "ubi0_1"], dev: ANONYMOUS, files: mounts("1 1 0:9 / / ro - ubifs ubi0_4 ro") },
  ],
  [
    "a UBI volume that has no such name",
    { slots: ["ubi0_0", "ubi0_1"], dev: ANONYMOUS, files: mounts("1 1 0:9 / / ro - ubifs ubi0:x ro") },
  ],
  ["slots whose devices are missing", { slots: MMC_SLOTS, dev: P2 }],
  ["a kernel that tells nothing", { slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS }],
  ["a tag that nobody knows", { slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, files: commandLine("root=NFS=server") }],
  ["a network root", { slots: MMC_SLOTS, nodes: MMC, dev: ANONYMOUS, files: commandLine("root=nfs:server") }],
] as const satisfies readonly (readonly [string, MadeUp])[]) {
  test(`${title} is no slot, and nothing is guessed`, async () => {
    await expect(booted(world)).rejects.toMatchObject({ code: "SLOT_UNKNOWN" });
  });
}

test("two names for one device are no two slots", async () => {
  const nodes = { "/dev/mmcblk0p2": P2, "/dev/other2": P2 };
  await expect(booted({ slots: ["/dev/mmcblk0p2", "/dev/other2"], nodes, dev: P2 })).rejects.toMatchObject({
    code: "SLOT_CONFIG",
  });
});

test("only names that say nothing are followed as links", () => {
  const realpath = () => "/dev/sda7";
  const names = [
    "/dev/root",
    "/dev/disk/by-partuuid/x",
    "/dev/disk/by-partlabel/x",
    "/dev/disk/by-uuid/x",
    "/dev/rootfs2",
    "ubi0_1",
  ];
  expect(names.map((name) => normalizeSlotPath(name, realpath))).toEqual([
    "/dev/sda7",
    "/dev/sda7",
    "/dev/sda7",
    "/dev/disk/by-uuid/x",
    "/dev/rootfs2",
    "/dev/ubi0_1",
  ]);
});

test("a link that leads nowhere stays as it is", () => {
  expect(normalizeSlotPath("/dev/disk/by-partuuid/nowhere")).toBe("/dev/disk/by-partuuid/nowhere");
});
