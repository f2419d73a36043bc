import { describe, expect, test } from "vitest";
import { parseHarnessBoard } from "../../qemu/board/harness-board.ts";
import { codeOf } from "./code-of.ts";

const MINIMAL = "name: my-board\n";
const at = (text: string) => parseHarnessBoard(text, "/boards/my.yaml").hardware;

describe("a board file for the harness", () => {
  test("needs only a name: the rest is a PC with UEFI firmware and a virtio disk", () => {
    const { name, hardware } = parseHarnessBoard(MINIMAL, "my.yaml");
    expect(name).toBe("my-board");
    expect(hardware).toMatchObject({ program: "qemu-system-x86_64", memoryMiB: 1024, drive: ["if=none", "id=disk"] });
    expect(hardware.diskDevices).toEqual(["virtio-blk-pci,drive=disk,bootindex=0"]);
    expect(hardware.firmware?.code).toMatch(/OVMF/);
    expect(hardware.needsPowerOfTwo).toBe(false);
  });

  test.each([
    ["/dev/nvme0n1", "amd64", ["nvme,serial=switchback,drive=disk,bootindex=0"]],
    ["/dev/sda", "amd64", ["ide-hd,bus=ide.0,drive=disk,bootindex=0"]],
    ["/dev/sda", "arm64", ["virtio-scsi-pci", "scsi-hd,drive=disk,bootindex=0"]],
    ["/dev/vda", "arm64", ["virtio-blk-pci,drive=disk,bootindex=0"]],
    ["/dev/mmcblk0", "armhf", []],
  ])("whose disk is %s on %s connects it in the way of that name", (device, architecture, devices) => {
    const hardware = at(`${MINIMAL}disk: { device: ${device} }\nqemu: { architecture: ${architecture} }\n`);
    expect(hardware.diskDevices).toEqual(devices);
    expect(hardware.needsPowerOfTwo).toBe(device === "/dev/mmcblk0");
  });

  test("may name everything itself, with paths relative to its folder", () => {
    const text = `${MINIMAL}qemu:
  architecture: arm64
  machine:
    program: qemu-system-aarch64
    memoryMiB: 256
    arguments: [-M, raspi3b]
    disk: [if=sd]
    network: usb-net
    firmware: none
    kernel: boot/u-boot.elf
    up: "login:"
`;
    expect(at(text)).toEqual({
      ...{ program: "qemu-system-aarch64", memoryMiB: 256, arguments: ["-M", "raspi3b"], drive: ["if=sd"] },
      ...{
        diskDevices: [],
        network: "usb-net",
        kernel: "/boards/boot/u-boot.elf",
        needsPowerOfTwo: true,
        up: "login:",
      },
    });
  });

  test("with a file that QEMU loads gets no firmware, unless it names one", () => {
    const machine = (keys: string): string => `${MINIMAL}qemu: { machine: { kernel: u-boot${keys} } }\n`;
    expect(at(machine("")).firmware).toBeUndefined();
    const named = at(machine(", firmware: { code: c.fd, variables: /v.fd }")).firmware;
    expect(named).toEqual({ code: "/boards/c.fd", variables: "/v.fd" });
  });

  test.each(["qemu/boards/vexpress-a9.yaml", "qemu/boards/x86-64-grub.yaml"])("may be our own %s", async (path) => {
    const { loadHarnessBoard } = await import("../../qemu/board/harness-board.ts");
    expect(loadHarnessBoard(path).hardware.up).toMatch(/board: up/);
  });

  test.each([
    ["with a misspelt key", "qemu:\n  machine: { memory: 5 }\n", { line: 3, key: "qemu.machine.memory" }],
    ["with a wrong type", "qemu:\n  machine: { memoryMiB: big }\n", { line: 3, key: "qemu.machine.memoryMiB" }],
    ["with an unknown processor", "qemu: { architecture: mips }\n", { line: 2, key: "qemu.architecture" }],
    ["with an unknown connection", "qemu:\n  machine:\n    disk: floppy\n", { line: 4, key: "qemu.machine.disk" }],
    ["with a bad expression", 'qemu:\n  machine: { up: "(" }\n', { line: 3, key: "qemu.machine.up" }],
    ["with an unknown key", "colour: red\n", { line: 2, key: "colour" }],
    ["that is no YAML", "qemu: [\n", { line: 3 }],
  ])("%s is refused with its place", (_, more, detail) => {
    const error = codeOf(() => parseHarnessBoard(`${MINIMAL}${more}`, "my.yaml"));
    expect(error).toEqual({
      code: "BOARD_FILE_INVALID",
      detail: expect.objectContaining({ file: "my.yaml", ...detail }),
    });
  });
});
