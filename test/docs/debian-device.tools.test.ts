import { execFileSync } from "node:child_process";
import { join } from "node:path";
import { afterAll, beforeAll, expect } from "vitest";
import type { Device } from "../cli/examples/device.ts";
import { Lab } from "../cli/examples/lab.ts";
import { BuiltPackages } from "../scripts/package/built-packages.ts";
import { BuiltProgram } from "../support/built-program.ts";
import { packedDebian } from "../support/debian-root.ts";
import { needs } from "../support/needs.ts";
import { NOT_RUN, ON_DEBIAN } from "./not-run.ts";
import { DebianDevice } from "./walk/debian-device.ts";
import { type Around, follow, type Road, takeBlock } from "./walk/walk.ts";

const { test } = needs("root", "chroot", "mknod", "mount", "loop", "namespaces", "cgroup");

let lab: Lab;
let packages: BuiltPackages;
let device: DebianDevice;
/** A computer of the lab, for which its server answers. */
let desk: Device;

beforeAll(async () => {
  const program = await BuiltProgram.build();
  [lab, packages] = [await Lab.make(program), await BuiltPackages.make()];
  desk = lab.at("desk");
  const files = await packages.build("0.1.0");
  device = await DebianDevice.boot(program);
  await device.bring(
    ...["switchback_0.1.0_all.deb", "switchback-tools_0.1.0_all.deb", "switchback-0.1.0.tar.gz"].map((name) =>
      join(files, name),
    ),
  );
});
afterAll(async () => {
  await device?.remove();
  desk?.remove();
  packages?.remove();
  await lab?.close();
});

/** The daemon has asked the server, and the server has accepted the device. */
const asked = async (_device: DebianDevice, { server }: Lab): Promise<void> => {
  // The limit ends a test that hangs: a busy machine may take long to start the service.
  await expect.poll(() => server.of("inventory").length, { timeout: 240_000 }).toBeGreaterThan(0);
};

/** The Mender client of Debian, in place of ours, on the same data. */
async function menderClient(device: DebianDevice): Promise<void> {
  await device.bring(join(await packedDebian(), "mender-client.deb"));
  await device.must(
    "dpkg -r switchback && dpkg --force-confold -i /packages/mender-client.deb && rm /packages/mender-client.deb",
  );
  expect(await device.must("systemctl is-active mender-client")).toBe("active\n");
}

const PACKAGES: Road<DebianDevice> = {
  blocks: {
    "switchback setup --device-type my-board --server-url https://ota.example.com --rootfs-part-a /dev/mmcblk0p2 --rootfs-part-b /dev/mmcblk0p3":
      { given: (device, lab) => device.joinNetwork(lab), promised: asked },
    "dpkg -i switchback_*_all.deb": { given: menderClient, says: ["Taken over from the Mender client."] },
    "apt-get install ./switchback-tools_*_all.deb": {
      given: async (device) => {
        const image = join(packages.folder, "rootfs.ext4");
        execFileSync("mkfs.ext4", ["-q", "-O", "^has_journal", image, "1M"]);
        await device.bring(image);
      },
    },
    "tar -xzf switchback-*.tar.gz": {
      given: async (device) => {
        await device.must("dpkg -r switchback switchback-tools");
        await device.must(
          "mkdir -p /opt/bin && cat >/opt/bin/sudo && chmod 755 /opt/bin/sudo",
          '#!/bin/sh\nexec "$@"\n',
        );
      },
    },
  },
};

test("a reader who does what docs/guides/packages.md says, from top to bottom, gets what it says", async () => {
  expect(await follow("docs/guides/packages.md", PACKAGES, device, lab)).toBe(7);
});

/** What happens around the blocks of other pages that need a running systemd, in the order in which they run. */
const SYSTEMD: Readonly<Record<string, Around<DebianDevice>>> = {
  "systemctl disable --now mender-client": {
    given: menderClient,
    promised: async (device) => {
      const { out } = await device.run("systemctl is-active mender-client; systemctl is-enabled mender-client");
      expect(out).toBe("inactive\ndisabled\n");
    },
  },
  "systemctl enable --now switchback-resume.service switchback.service": {
    given: (device) =>
      device.must("dpkg -i /packages/switchback_*_all.deb && systemctl disable --now switchback-resume switchback"),
    promised: async (device) => expect(await device.must("systemctl is-active switchback")).toBe("active\n"),
  },
  "systemctl disable --now switchback.service switchback-resume.service": {
    promised: async (device) => {
      const { out } = await device.run("systemctl is-active switchback; systemctl is-enabled switchback-resume");
      expect(out).toBe("inactive\ndisabled\n");
    },
  },
  "systemctl enable switchback-resume.service switchback.service": {
    promised: async (device) =>
      expect(await device.must("systemctl is-enabled switchback-resume switchback")).toBe("enabled\nenabled\n"),
  },
  "journalctl -u switchback -u switchback-resume": {
    given: (device) => device.must("systemctl restart switchback switchback-resume"),
    says: ["Started switchback.service - Over-the-air updates.", "Finished switchback-resume.service"],
  },
};

test("the blocks of other pages that need a running systemd do what the pages say", async () => {
  expect(
    Object.keys(NOT_RUN)
      .filter((key) => NOT_RUN[key] === ON_DEBIAN)
      .toSorted(),
  ).toEqual(Object.keys(SYSTEMD).toSorted());
  for (const [block, around] of Object.entries(SYSTEMD)) await takeBlock(block, around, device, lab);
});
