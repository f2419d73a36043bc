/** Why blocks do not run where there is no systemd. */
export const ON_DEBIAN = "test/docs/debian-device.tools.test.ts runs it, on a device that systemd has started";

/** Blocks that no test runs where it runs the others, by the line with which they begin, and why. */
export const NOT_RUN: Readonly<Record<string, string>> = {
  "npm ci": "it replaces the packages of the checkout in which these tests run",
  "npm ci && npm run demo": "it replaces the packages of the checkout in which these tests run",
  "npm ci && npm test": "it replaces the packages of the checkout in which these tests run, and runs them",
  "npm ci && npm run build":
    "it replaces the packages of the checkout in which these tests run; all tests here use a build",
  "systemctl disable --now mender-client": ON_DEBIAN,
  "systemctl enable --now switchback-resume.service switchback.service": ON_DEBIAN,
  "systemctl disable --now switchback.service switchback-resume.service": ON_DEBIAN,
  "journalctl -u switchback -u switchback-resume": ON_DEBIAN,
  "npm ci && npm run package":
    "it replaces the packages of the checkout in which these tests run; test/scripts/package builds all of them",
  "systemctl enable switchback-resume.service switchback.service": ON_DEBIAN,
  "npm run qemu -- vexpress-a9        # an ARM board with U-Boot": "it starts a whole board; test/qemu does",
  "npm run qemu -- vexpress-a9 --kernel small": "it starts a whole board; test/qemu does",
  "apt-get install qemu-system-x86 qemu-system-arm ovmf qemu-efi-aarch64 e2fsprogs mtools":
    "it installs packages; test/qemu/guide.test.ts looks for their names in test/debian-packages.txt",
  "switchback-qemu run disk.img --board board.yaml":
    "it starts a whole machine; test/system/qemu/ci-guide.test.ts does",
  "switchback-qemu test disk.img --board board.yaml --artifact release-2.mender --ssh-key id_ed25519":
    "it starts a whole machine; test/system/qemu/ci-guide.test.ts does",
  "switchback-qemu test disk.img --board board.yaml --artifact release-2.mender --ssh-key id_ed25519 --server":
    "it starts a whole machine; test/system/qemu/ci-guide.test.ts does",
  "# /etc/switchback/scripts/maintenance-window.conf": "these are files and no commands; test/state-scripts reads them",
  "size() {": "these are functions for a skeleton; test/cli/adapter/device-program.tools.test.ts fills it with them",
  "switchback artifact write module-image -T rpm -t BOARD -n app-2 -o app-2.mender -f app-2.aarch64.rpm -f lib-1.aarch64.rpm":
    "test/update-modules/rpm.tools.test.ts does, with packages that it makes",
  'echo \'{ "containers": ["localhost/app:2"], "run_args": "--network host" }\' >meta-data.json':
    "test/update-modules/docker.tools.test.ts does, with an image that it makes",
};
