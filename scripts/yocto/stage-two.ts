import { generateKeyPairSync } from "node:crypto";
import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { bitbake, expectClean, lineOf, remarks } from "./bitbake.ts";
import type { Built } from "./built.ts";
import { expectBuilt } from "./expect-built.ts";
import { clear, deployed, type Workspace, withSettings } from "./workspace.ts";

const IMAGE = "switchback-example-image";
const BUILD = ["bitbake", IMAGE] as const;

/** Builds package, image, Artifact and disks from stubs, in OE-Core's own classes. */
export async function* stageTwo(workspace: Workspace): AsyncGenerator<string> {
  const first: Built = {
    ...{ name: "release-1", deviceTypes: ["my-board"], device: "/dev/mmcblk0", totalMb: 512, dataMb: 64 },
    ...{ alignment: 8 * 1024 * 1024, bootloader: "u-boot" },
  };
  // BitBake prints a warning only when it does the work.
  await clear(workspace.two);
  await withSettings(workspace.two, settingsFor(first));
  const { output } = await expectClean(workspace, workspace.two, BUILD);
  yield `built without a warning: ${lineOf(output, "NOTE: Tasks Summary").replace("NOTE: ", "")}`;
  yield* expectBuilt(await imagePath(workspace), first);

  const second: Built = {
    ...{ name: "release-2", deviceTypes: ["my-board", "my-board-2"], device: "/dev/sda", totalMb: 640, dataMb: 128 },
    ...{ alignment: 4 * 1024 * 1024, bootloader: "grub", verifyKey: join(workspace.places.work, "public.pem") },
  };
  await withSettings(workspace.two, { ...settingsFor(second), ...(await signingKey(workspace)) });
  const { output: again } = await expectClean(workspace, workspace.two, BUILD);
  yield `built again after variables changed: ${lineOf(again, "NOTE: Tasks Summary").replace("NOTE: ", "")}`;
  yield* expectBuilt(await imagePath(workspace), second);

  // No room for two slots at all, and slots that are too small for a root filesystem with much space to grow.
  for (const [totalMb, more] of [[40, {}] as const, [220, { IMAGE_OVERHEAD_FACTOR: "100" }] as const]) {
    await withSettings(workspace.two, {
      ...settingsFor(first),
      MENDER_STORAGE_TOTAL_SIZE_MB: String(totalMb),
      ...more,
    });
    yield await expectRefusal(workspace, totalMb);
  }
  await withSettings(workspace.two, { ...settingsFor(first), MENDER_STORAGE_EVICE: "/dev/sda" });
  const { code, output: typo } = await bitbake(workspace, workspace.two, BUILD);
  const warning = remarks(typo).find((line) => line.includes("MENDER_STORAGE_EVICE"));
  if (code !== 0 || warning?.includes("MENDER_STORAGE_DEVICE") !== true)
    throw new Error(`MENDER_STORAGE_EVICE: expected a warning that names MENDER_STORAGE_DEVICE, got ${warning}`);
  yield `a misspelled variable: ${warning}`;
  await withSettings(workspace.two, {});
}

const imagePath = async (workspace: Workspace): Promise<string> =>
  join(await deployed(workspace.two), `${IMAGE}-qemux86-64.rootfs`);

function settingsFor({ name, deviceTypes, device, totalMb, dataMb, alignment, bootloader }: Built) {
  return {
    MENDER_ARTIFACT_NAME: name,
    MENDER_DEVICE_TYPE: deviceTypes[0] ?? "",
    MENDER_DEVICE_TYPES_COMPATIBLE: deviceTypes.join(" "),
    MENDER_STORAGE_DEVICE: device,
    MENDER_STORAGE_TOTAL_SIZE_MB: String(totalMb),
    MENDER_DATA_PART_SIZE_MB: String(dataMb),
    MENDER_PARTITION_ALIGNMENT: String(alignment),
    SWITCHBACK_BOOTLOADER: bootloader,
    // As the Raspberry Pi has them: another name, and a pattern.
    IMAGE_BOOT_FILES: "bzImage;kernel7.img bzI*;overlays/",
  };
}

async function signingKey({ places }: Workspace): Promise<Readonly<Record<string, string>>> {
  const { privateKey, publicKey } = generateKeyPairSync("ec", {
    namedCurve: "P-256",
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
    publicKeyEncoding: { type: "spki", format: "pem" },
  });
  const path = (name: string): string => join(places.work, name);
  await writeFile(path("private.pem"), privateKey);
  await writeFile(path("public.pem"), publicKey);
  return { MENDER_ARTIFACT_SIGNING_KEY: path("private.pem"), MENDER_ARTIFACT_VERIFY_KEY: path("public.pem") };
}

async function expectRefusal(workspace: Workspace, totalMb: number): Promise<string> {
  const { code, output } = await bitbake(workspace, workspace.two, BUILD);
  const line = output.split("\n").find((one) => one.includes("MENDER_STORAGE_TOTAL_SIZE_MB"));
  if (code === 0 || line === undefined)
    throw new Error(`a medium of ${totalMb} MiB was not refused by name:\n${remarks(output).join("\n")}`);
  return `a medium of ${totalMb} MiB is refused: ${line.trim()}`;
}
