import { createHash } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { createExternalHandler, type ExternalParts } from "../../../../adapters/payload/external/handler.ts";
import { createChildProcess } from "../../../../adapters/process/child-process.ts";
import type {
  PayloadContext,
  PayloadFile,
  PayloadHandler,
  PayloadStream,
} from "../../../../src/ports/payload-handler.ts";

export const never = new AbortController().signal;

export const CONTEXT: PayloadContext = {
  artifactName: "release-2",
  artifactGroup: "beta",
  payloadType: "test-module",
  headerInfo: { payloads: [{ type: "test-module" }], "unknown key": [1.5, null] },
  typeInfo: { type: "test-module" },
  metaData: { dest: "/opt", list: ["ä"] },
  texts: {
    headerInfo: '{"payloads":[{"type":"test-module"}],"unknown key":[1.5,null]}',
    typeInfo: '{"type":"test-module"}',
    metaData: '{"dest":"/opt","list":["\\u00e4"]}',
  },
};

/** Commands of a module that reads all streams to their ends and keeps them in `tmp/`. */
export const TAKE_ALL = `
while line="$(cat stream-next)"; [ -n "$line" ]; do
  echo "$line" >> tmp/names
  file="\${line%% *}"
  cat "$file" > "tmp/$(basename "$file")"
done`;

export interface RigOptions extends Partial<Omit<ExternalParts, "type">> {
  readonly type?: string;
}

/** A folder with one module, its handler, and a record of what was called and logged. */
export class ModuleRig {
  readonly folder: string;
  readonly tree: string;
  readonly handler: PayloadHandler;
  readonly logged: string[] = [];
  readonly type: string;

  private constructor(folder: string, { type = "test-module", ...options }: RigOptions) {
    this.folder = folder;
    this.type = type;
    this.tree = join(folder, "data/modules/v3/payloads/0000/tree");
    this.handler = createExternalHandler({
      type,
      modulesFolder: join(folder, "modules"),
      tree: this.tree,
      process: createChildProcess(),
      log: (level, message) => this.logged.push(`${level}: ${message}`),
      timeoutMs: 20_000,
      graceMs: 300,
      device: async () => ({ artifactName: "release-1", artifactGroup: "alpha", deviceType: "board" }),
      ...options,
    });
  }

  /** @param cases branches of a shell `case` on the name of the state; every call is recorded before */
  static async make(cases: string, options: RigOptions = {}): Promise<ModuleRig> {
    const rig = new ModuleRig(await mkdtemp(join(tmpdir(), "external-")), options);
    await mkdir(join(rig.folder, "modules"));
    await mkdir(join(rig.folder, "data"));
    await rig.install(cases);
    return rig;
  }

  async install(cases: string): Promise<void> {
    const path = join(this.folder, "modules", this.type);
    await writeFile(path, `#!/bin/sh\necho "$1" >> "${this.folder}/calls"\ncase "$1" in\n${cases}\nesac\n`);
    await chmod(path, 0o755);
  }

  /** Prepares and downloads. */
  async download(payload: PayloadStream, signal: AbortSignal = never): Promise<void> {
    await this.handler.prepare?.(CONTEXT, signal);
    await this.handler.download(payload, signal);
  }

  inTree(...names: string[]): string {
    return join(this.tree, ...names);
  }

  async calls(): Promise<string[]> {
    const text = await readFile(join(this.folder, "calls"), "utf8").catch(() => {
      // ignored: a module that was never called has written nothing.
      return "";
    });
    return text.split("\n").filter((line) => line !== "");
  }

  async read(...names: string[]): Promise<string> {
    return await readFile(join(this.folder, ...names), "utf8");
  }

  remove(): Promise<void> {
    return rm(this.folder, { recursive: true, force: true });
  }
}

export async function withModule(
  cases: string,
  use: (rig: ModuleRig) => Promise<void>,
  options: RigOptions = {},
): Promise<void> {
  const rig = await ModuleRig.make(cases, options);
  try {
    await use(rig);
  } finally {
    await rig.remove();
  }
}

export interface TestFile {
  readonly name: string;
  readonly content: Uint8Array | string;
  /** Thrown by the read after the last byte. */
  readonly failure?: Error;
}

/** A payload of `files`; if `failure` is set, the payload fails with it instead of ending. */
export function payloadOf(files: readonly TestFile[], failure?: Error): PayloadStream {
  const queue = [...files];
  return {
    async next() {
      const file = queue.shift();
      if (file !== undefined) return payloadFile(file);
      if (failure !== undefined) throw failure;
      return undefined;
    },
  };
}

function payloadFile({ name, content, failure }: TestFile): PayloadFile {
  const bytes = Buffer.from(content);
  let at = 0;
  return {
    name,
    sizeBytes: bytes.length,
    sha256: createHash("sha256").update(bytes).digest("hex"),
    read(into) {
      const count = bytes.copy(into, 0, at);
      at += count;
      if (count === 0 && failure !== undefined) throw failure;
      return count;
    },
  };
}
