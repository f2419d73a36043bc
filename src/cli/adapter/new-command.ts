import { resolve } from "node:path";
import { Argument, type Command, Option } from "commander";
import { localActs } from "../../agent/files.ts";
import type { CliIo } from "../../agent/io.ts";
import { AgentError } from "../../errors/agent-error.ts";
import { errnoOf } from "../../util/errno.ts";
import type { Language } from "./skeleton.ts";
import { SKELETONS, type SkeletonKind } from "./skeletons.ts";

const LANGUAGES: readonly Language[] = ["js", "sh"];
const EXTENSIONS: Readonly<Record<Language, string>> = { js: "mjs", sh: "sh" };

export function registerNew(adapter: Command, io: CliIo): void {
  adapter
    .command("new")
    .description("write a skeleton of an adapter; fill in its functions, then run `check`")
    .addArgument(new Argument("<kind>", "purpose of the adapter").choices(Object.keys(SKELETONS)))
    .argument("<name>", "name of the adapter and of its file")
    .addOption(new Option("--language <language>", "language of the skeleton").choices(LANGUAGES).default("js"))
    .addHelpText("after", EXAMPLE)
    .action(async (kind: SkeletonKind, name: string, { language }: { readonly language: Language }) => {
      if (!/^[a-z0-9][a-z0-9-]*$/.test(name)) {
        throw new AgentError("CLI_USAGE", {
          name,
          reason: "a name must consist of lower-case letters, digits and hyphens",
        });
      }
      const path = `${name}.${EXTENSIONS[language]}`;
      await writeNew(path, SKELETONS[kind][language](name));
      io.out(`${path} is written. Fill in its functions, and then: switchback adapter check --kind ${kind} ./${path}`);
    });
}

/** @throws {AgentError} ADAPTER_EXISTS, OUTPUT_FAILED */
async function writeNew(path: string, text: string): Promise<void> {
  try {
    let rest = Buffer.from(text);
    await localActs.storeSynced(
      path,
      (into) => {
        const count = rest.copy(into);
        rest = rest.subarray(count);
        return count;
      },
      0o755,
    );
  } catch (cause) {
    const exists = errnoOf(cause) === "EEXIST";
    throw new AgentError(exists ? "ADAPTER_EXISTS" : "OUTPUT_FAILED", { path: resolve(path) }, cause);
  }
}

const EXAMPLE = `
Examples:
  switchback adapter new bootloader my-board                  # writes my-board.mjs
  switchback adapter new bootloader my-board --language sh    # writes my-board.sh
  switchback adapter new device my-flash --language sh        # writes my-flash.sh`;
