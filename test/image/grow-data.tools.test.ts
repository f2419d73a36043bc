import { execFileSync } from "node:child_process";
import { mkdirSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, expect, test } from "vitest";
import { parseImageBoard } from "../../image/board/load.ts";
import { firstBootEntries } from "../../image/first-boot.ts";
import { create, extracted, MIB, makeTree, newFolder, said } from "./image-rig.ts";

const boardWith = (label: "gpt" | "dos"): string => `name: growing
deviceType: growing
disk: { label: ${label}, alignment: 1M, device: /dev/sda }
partitions:
  - { role: boot, size: 16M }
  - { role: rootfsA, size: 16M }
  - { role: rootfsB, size: 16M }
${label === "dos" ? "  - { role: swap, size: 4M }\n" : ""}  - { role: data, size: 16M }
bootloader: { kind: none }
firstBoot: { growData: true }
`;

let folder: string;
beforeAll(() => {
  folder = newFolder();
});
afterAll(() => rmSync(folder, { recursive: true }));

/** The files for the first start, by name. */
async function firstBootFiles(): Promise<ReadonlyMap<string, string>> {
  const files = new Map<string, string>();
  for (const { kind, path, content } of firstBootEntries(parseImageBoard(boardWith("gpt"), "b.yaml"), "/data", 0)) {
    if (kind !== "file") continue;
    for await (const bytes of content()) files.set(path.split("/").at(-1) ?? "", Buffer.from(bytes).toString());
  }
  return files;
}

test.each(["gpt", "dos"] as const)(
  "on a larger medium, the script's change makes the data partition of a %s disk fill it",
  async (label) => {
    const work = join(folder, label);
    mkdirSync(work);
    const { output, layout } = await create(work, boardWith(label), { rootfs: makeTree(work) });
    truncateSync(output, layout.sizeBytes + 64 * MIB);
    const data = layout.partitions.find(({ role }) => role === "data");
    const script = (await firstBootFiles()).get("switchback-grow-data") ?? "";
    const lines = script.split("\n");
    const indexOf = (start: string): number => lines.findIndex((line) => line.trim().startsWith(start));
    // Without what needs a running kernel.
    const change = [lines[indexOf("enlarge()")], ...lines.slice(indexOf("outer="), indexOf("partx"))].join("\n");
    const env = { PATH: `${process.env["PATH"]}:/usr/sbin`, disk: output, number: String(data?.number) };
    execFileSync("sh", ["-ec", change], { env, stdio: "pipe" });
    const { partitiontable } = JSON.parse(await said("sfdisk", "--json", output)) as {
      partitiontable: { partitions: { start: number; size: number }[] };
    };
    const grown = partitiontable.partitions.at(-1);
    expect([(grown?.start ?? 0) * 512, (grown?.size ?? 0) * 512 > 16 * MIB + 60 * MIB]).toEqual([
      data?.startBytes,
      true,
    ]);
    const path = await extracted(output, layout, "data");
    truncateSync(path, (grown?.size ?? 0) * 512);
    await said("e2fsck", "-fn", path);
    await said("resize2fs", path);
    await said("e2fsck", "-fn", path);
    expect(await said("debugfs", "-R", "cat mender/device_type", path)).toBe("device_type=growing\n");
  },
);

test("systemd accepts the unit, and the script is one that a shell understands", async () => {
  const files = await firstBootFiles();
  const path = join(folder, "switchback-grow-data.service");
  writeFileSync(
    path,
    (files.get("switchback-grow-data.service") ?? "").replace("/usr/libexec/switchback-grow-data", "/bin/true"),
  );
  expect(await said("systemd-analyze", "verify", "--man=no", path)).toBe("");
  writeFileSync(join(folder, "grow"), files.get("switchback-grow-data") ?? "");
  await said("shellcheck", join(folder, "grow"));
});
