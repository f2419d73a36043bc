import { readFile, writeFile } from "node:fs/promises";
import { expect, test } from "vitest";
import { quickActs } from "../../support/quick-files.ts";
import { MEMORY_FOLDER, TestBoard } from "../../support/test-board.ts";
import { VirtualDevice } from "./device.ts";

test("an agent that is killed while it moves the scripts into place starts the download over, and installs", async () => {
  const maker = await TestBoard.make({ parent: MEMORY_FOLDER });
  const script = maker.file("ArtifactInstall_Enter_01");
  await writeFile(script, "#!/bin/sh\nexit 0\n");
  const artifact = await readFile(await maker.release("v2", "yes", { scripts: [script] }, 64));
  await maker.remove();
  let cuts = 0;
  const files = {
    ...quickActs,
    async rename(from: string, to: string): Promise<void> {
      if (to.endsWith("scripts/ArtifactInstall_Enter_01") && cuts++ === 0) throw new Error("power cut");
      await quickActs.rename(from, to);
    },
  };
  const device = await VirtualDevice.make({ artifact, callsOff: false, files });
  try {
    await expect(device.liveToRest(() => undefined)).rejects.toThrow("power cut");
    expect(await device.board.pending()).toBe("download");
    await device.liveToRest(() => undefined);
    expect(cuts).toBe(2);
    expect(device.finals).toEqual(["success"]);
    expect((await device.board.agent("show-artifact")).out).toEqual(["v2"]);
  } finally {
    await device.remove();
  }
});
