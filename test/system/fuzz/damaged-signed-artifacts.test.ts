import { execFileSync } from "node:child_process";
import { loadSigningKey } from "../../../src/artifact/signing.ts";
import { type KeyFiles, makeKeyFiles } from "../../artifact/keys.ts";
import { BOARD_TYPE, type TestBoard } from "../../support/test-board.ts";
import { describeDamaged, VERSION } from "./damaged-installs.ts";

describeDamaged({
  name: "signed, on a board that verifies",
  verified: true,
  async make(board) {
    const { privatePath } = await trustNewKey(board);
    const key = await loadSigningKey(privatePath, () => undefined);
    return board.release(VERSION, "yes", { key, compression: "gzip" });
  },
});

describeDamaged({
  name: "made and signed by the real mender-artifact, on a board that verifies",
  verified: true,
  async make(board) {
    const { privatePath } = await trustNewKey(board);
    const path = board.file("real.mender");
    const names = ["--artifact-name", VERSION, "--device-type", BOARD_TYPE];
    const files = ["--file", await board.image(VERSION), "--output-path", path];
    const rest = ["--compression", "none", "--key", privatePath];
    execFileSync("mender-artifact", ["write", "rootfs-image", ...names, ...files, ...rest], { stdio: "pipe" });
    return path;
  },
});

async function trustNewKey(board: TestBoard): Promise<KeyFiles> {
  const keys = makeKeyFiles(board.folder, "ec");
  await board.configure({ ArtifactVerifyKey: keys.publicPath });
  return keys;
}
