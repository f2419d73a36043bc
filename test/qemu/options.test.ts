import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, test } from "vitest";
import { hardwareOf } from "../../qemu/board/hardware.ts";
import { runCommandLine } from "../../qemu/cli/command-line.ts";
import { expectHostHas } from "../../qemu/cli/options.ts";
import { RecordingIo } from "../support/recording-io.ts";

const folder = mkdtempSync(join(tmpdir(), "switchback-harness-"));
afterAll(() => rmSync(folder, { recursive: true }));
const file = (name: string, text: string): string => {
  const path = join(folder, name);
  writeFileSync(path, text);
  return path;
};

const BOARD = file("board.yaml", "name: b\nqemu: { machine: { program: /bin/true, kernel: board.yaml } }\n");
const IMAGE = file("disk.img", "no image");

async function said(...argv: readonly string[]): Promise<{ readonly exitCode: number; readonly text: string }> {
  const io = new RecordingIo();
  await runCommandLine(argv, io);
  return { exitCode: io.exitCode, text: [...io.outLines, ...io.errLines].join("\n") };
}

const test_ = ["test", IMAGE, "--board", BOARD, "--artifact", "next.mender"];

test.each([
  [["test", IMAGE], "required option '--board <file>' not specified"],
  [["run", IMAGE, "--board", join(folder, "none.yaml")], "BOARD_FILE_INVALID"],
  [
    [...test_, "--cuts", "many"],
    "OPTION_INVALID: .*option=--cuts, value=many, expected=a whole number from 0 to 10000",
  ],
  [[...test_, "--agent", "rauc"], "option=--agent, value=rauc, expected=switchback, mender"],
  [[...test_, "--scenarios", "install,fly"], "option=--scenarios, value=fly, expected=start, install, reboot"],
  [[...test_, "--ssh-key", join(folder, "no-key")], "option=--ssh-key, value=.*no-key.*ENOENT"],
  [[...test_], "IMAGE_KIND"],
  [["fly"], "unknown command 'fly'"],
])("%j is refused with one clear error", async (argv, message) => {
  const { exitCode, text } = await said(...argv);
  expect(exitCode).toBe(1);
  expect(text).toMatch(new RegExp(message));
});

test("a refused image stays as it is", () => {
  expect(readFileSync(IMAGE, "utf8")).toBe("no image");
});

test("programs and files that the host lacks are named, with the package that has them", async () => {
  const machine = hardwareOf({ architecture: "amd64", machine: { firmware: "none" }, folder });
  await expect(expectHostHas(machine, "/nowhere")).rejects.toMatchObject({
    code: "HARNESS_MISSING",
    detail: { program: "qemu-system-x86_64", package: "qemu-system-x86" },
  });
  const here = { ...machine, program: "/bin/true" };
  const firmware = { code: join(folder, "code.fd"), variables: "/v" };
  await expect(expectHostHas({ ...here, firmware })).rejects.toMatchObject({
    detail: { file: join(folder, "code.fd"), package: expect.stringContaining("ovmf") },
  });
  await expect(expectHostHas({ ...here, kernel: join(folder, "u-boot") })).rejects.toMatchObject({
    code: "HARNESS_MISSING",
    detail: { file: join(folder, "u-boot") },
  });
  await expectHostHas({ ...here, kernel: IMAGE });
});
