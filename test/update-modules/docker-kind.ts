import { mkdirSync } from "node:fs";
import { rm } from "node:fs/promises";
import { expect } from "vitest";
import type { TestBoard } from "../support/test-board.ts";
import { ContainerEngine } from "./container-engine.ts";
import { shipped } from "./module-kinds.ts";

const imageOf = (version: string): string => `localhost/app:${version.slice(1)}`;
const contentOf = (version: string): string => `program of ${version}\n`;

function engineOf(board: TestBoard): ContainerEngine {
  const folder = board.file("engine");
  mkdirSync(folder, { recursive: true });
  return new ContainerEngine(folder);
}

/** The content of the engine after an update has ended; before the update it ran v1. */
const ENDED = {
  committed: {
    images: ["localhost/app:1", "localhost/app:2"],
    containers: ["localhost/app:1", "localhost/app:2 runs"],
  },
  "rolled back": { images: ["localhost/app:1"], containers: ["localhost/app:1 runs"] },
};

/** The module `docker` with podman's images and containers; a file notes which containers run: see `installDocker`. */
export const docker = shipped("docker", {
  env: (board) => ({ ...engineOf(board).env, PATH: `${board.file("bin")}:${process.env["PATH"]}` }),
  async setUp(board) {
    mkdirSync(board.file("bin"));
    const engine = engineOf(board);
    engine.installDocker(board.file("bin"));
    engine.build(imageOf("v1"), contentOf("v1"));
    engine.run(imageOf("v1"));
  },
  files: async (board, version) => ({ "app.tar": engineOf(board).archive(imageOf(version), contentOf(version)) }),
  metaData: (version) => ({ containers: [imageOf(version)], run_args: "--network none" }),
  async losePower(board) {
    await rm(board.file("engine/run"), { recursive: true, force: true });
  },
  async versions(board, known) {
    const engine = engineOf(board);
    const { images, containers } = engine.contents();
    for (const image of images) expect(engine.contentOf(image)).toBe(contentOf(`v${image.split(":").at(-1)}`));
    const running = containers.filter((container) => container.endsWith(" runs"));
    return known.filter((version) => running.includes(`${imageOf(version)} runs`));
  },
  check: async (board, ended) => expect(engineOf(board).contents()).toEqual(ENDED[ended]),
});
