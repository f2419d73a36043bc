/** Slow files, slowest first, so that none of them starts when the others are about to end. */
export const SLOW: readonly string[] = [
  ...[
    "converted-debian",
    "vexpress-a9-power-cuts",
    "vexpress-a9",
    "x86-64-grub",
    "vexpress-a9-managed",
    "yocto-disk",
    "harness",
    "mender-client",
  ],
  ...["download-bytes", "sigkill", "update-module.tools", "docker-refused.tools", "persisted-steps"],
  ...["guides.tools", "program.tools", "examples.tools", "skeletons.tools", "power-cuts"],
  ...["real-client", "power-cuts.tools", "full-datastore.tools", "managed-sigkill", "faults", "managed-steps"],
  ...["docker.tools", "image-files", "damaged-signed-artifacts", "sabotages", "script-matrix", "types"],
  ...["model", "header-memory", "own-root", "payload", "archives.tools", "deb.tools", "damaged-artifacts"],
  ...["modify", "debian.tools", "mender-artifact", "directory.tools", "hostile-names", "broken-edges"],
  ...["adapter", "disks.tools", "takeover.tools", "managed", "rpm.tools", "debian-device.tools", "server-unit.tools"],
  ...["script.tools", "bootloader.tools", "daemon-worker", "device-trouble", "faulty-images.tools"],
  ...["state-scripts", "single-file.tools", "accounts.server", "public-command-lines", "conversation"],
  ...["start.server", "inspect-image.tools", "managed-resume.tools", "security.server", "ci-guide"],
  ...["demo", "proxies", "login.server", "bodies.server", "random-requests.server"],
];
