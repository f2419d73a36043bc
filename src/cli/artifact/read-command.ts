import type { Command } from "commander";
import type { CliIo } from "../../agent/io.ts";
import { escapedJson } from "../one-line.ts";
import { refuseKeyServices } from "./refused-options.ts";
import { addVerifyOptions, loadKeys, readingProgress, type VerifyOptions } from "./verify-options.ts";

export function registerRead(artifact: Command, io: CliIo): void {
  const command = artifact
    .command("read")
    .description("verify an Artifact and show what is in it")
    .argument("<artifact>", "Artifact file")
    .addHelpText("after", EXAMPLES);
  addVerifyOptions(command).action(async (path: string, options: VerifyOptions) => {
    refuseKeyServices(command);
    const keys = await loadKeys(options, io);
    const { inspectForShow } = await import("./describe-artifact.ts");
    const progress = await readingProgress(path, options, io);
    const inspected = await inspectForShow(path, keys, progress.advance, io.signal).finally(progress.done);
    if (options.json === true) {
      const { jsonOf } = await import("./read-json.ts");
      for (const part of jsonOf(inspected)) io.outPart(escapedJson(part));
      io.out("");
    } else {
      const { describeAsText } = await import("./read-text.ts");
      for (const line of describeAsText(inspected)) io.out(line);
    }
  });
}

const EXAMPLES = `
A missing signature, or one that no key fits, is shown and is not a failure; use 'validate' to judge it. The file
docs/reference/artifact-read.schema.json describes the JSON object.

Examples:
  switchback artifact read release-2.mender
  switchback artifact read --json -k old.pem -k new.pem release-2.mender | jq .signature`;
