import { createReadStream, createWriteStream, renameSync, rmSync, statSync } from "node:fs";
import { basename } from "node:path";
import { Readable, Transform } from "node:stream";
import { pipeline } from "node:stream/promises";
import { type Command, Option } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { pagesOf } from "../client/pages.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";
import { artifactLines, type Detail, detailOption, isMenderCli, type MenderArtifact } from "./mender-format.ts";
import { progressBar } from "./progress.ts";
import { ago, megabytes } from "./table.ts";

const ARTIFACTS = "/api/management/v1/deployments/artifacts";

type Artifact = MenderArtifact;

export function registerArtifacts(program: Command, io: CliIo): void {
  const artifacts = program.command("artifacts").description("Artifacts: the files that devices install");
  artifacts
    .command("upload")
    .description("upload Artifacts; the server checks each while it arrives")
    .argument("<file...>", "Artifacts")
    .option("--description <text>", "description", "")
    .addOption(new Option("--no-progress", "print no progress bar"))
    .addHelpText("after", examples("artifacts upload release-7.mender", "artifacts upload *.mender --description July"))
    .action(withServer<{ description: string; progress: boolean }>(io, upload));
  const listing = artifacts
    .command("list")
    .description("list Artifacts")
    .addHelpText("after", examples("artifacts list", "artifacts list --json"))
    .action(withServer<{ detail?: Detail }>(io, list));
  if (isMenderCli(program)) listing.addOption(detailOption());
  artifacts
    .command("show")
    .description("show an Artifact")
    .argument("<artifact>", "id of the Artifact")
    .addHelpText("after", examples("artifacts show ARTIFACT_ID"))
    .action(withServer(io, show));
  artifacts
    .command("download")
    .description("download an Artifact")
    .argument("<artifact>", "id of the Artifact")
    .option("--output <file>", "where to write it; - is standard output. Default: NAME.mender")
    .addOption(new Option("--no-progress", "print no progress bar"))
    .addHelpText(
      "after",
      examples("artifacts download ARTIFACT_ID", "artifacts download ARTIFACT_ID --output copy.mender"),
    )
    .action(withServer<{ output?: string; progress: boolean }>(io, download));
  artifacts
    .command("delete")
    .description("delete Artifacts that no running deployment uses")
    .argument("<artifact...>", "ids of the Artifacts")
    .addHelpText("after", examples("artifacts delete ARTIFACT_ID"))
    .action(withServer(io, remove));
}

async function upload(context: Context<{ description: string; progress: boolean }>): Promise<void> {
  const { connection, io, options, words } = context;
  for (const path of words) {
    const bytes = sizeOf(path);
    const bar = progressBar(io, basename(path), bytes, options.progress);
    const boundary = `switchback-${process.pid}-${Date.now()}`;
    const field = (name: string, value: string): string =>
      `--${boundary}\r\nContent-Disposition: form-data; name="${name}"\r\n\r\n${value}\r\n`;
    const head = Buffer.from(
      `${field("size", String(bytes))}${field("description", options.description)}--${boundary}\r\n` +
        `Content-Disposition: form-data; name="artifact"; filename="${basename(path).replaceAll(/["\r\n]/g, "_")}"\r\n` +
        "Content-Type: application/octet-stream\r\n\r\n",
    );
    const tail = Buffer.from(`\r\n--${boundary}--\r\n`);
    async function* body(): AsyncGenerator<Buffer> {
      yield head;
      for await (const chunk of createReadStream(path, { highWaterMark: 256 * 1024 })) {
        bar.add((chunk as Buffer).length);
        yield chunk as Buffer;
      }
      yield tail;
    }
    try {
      const answer = await connection.call("POST", ARTIFACTS, {
        upload: {
          stream: Readable.from(body(), { objectMode: false }),
          type: `multipart/form-data; boundary=${boundary}`,
          bytes: head.length + bytes + tail.length,
        },
        signal: io.signal,
      });
      bar.end();
      if (context.isMender) {
        if (options.progress) io.out("Processing uploaded file. This may take around one minute.\n");
        io.out("upload successful");
      } else io.out(answer.header("location")?.split("/").at(-1) ?? "");
    } finally {
      bar.end();
    }
  }
}

function sizeOf(path: string): number {
  try {
    return statSync(path).size;
  } catch (cause) {
    throw new AgentError("OPTION_INVALID", { option: "file", value: path }, cause);
  }
}

async function list(context: Context<{ detail?: Detail }>): Promise<void> {
  const rows = await pagesOf<Artifact>(context.connection, `${ARTIFACTS}/list`);
  if (context.isMender && context.options.json !== true) {
    for (const row of rows) for (const line of artifactLines(row, context.options.detail ?? 0)) context.io.out(line);
    return;
  }
  const now = Date.now();
  printRows(context, rows, [
    { title: "id", value: ({ id }) => id },
    { title: "name", value: ({ name }) => name },
    { title: "device types", value: (one) => one.device_types_compatible.join(",") },
    { title: "payload", value: ({ updates }) => updates.map((update) => update.type_info.type ?? "none").join(",") },
    { title: "size", value: ({ size }) => megabytes(size), right: true },
    { title: "signed", value: ({ signed }) => (signed ? "yes" : "no") },
    { title: "age", value: ({ modified }) => ago(modified, now), right: true },
  ]);
}

async function show(context: Context<object>): Promise<void> {
  const [id] = context.words;
  const artifact = (await (await context.connection.call("GET", `${ARTIFACTS}/${id}`)).json()) as Artifact;
  printOne(context, artifact, [
    { title: "id", value: (one) => one.id },
    { title: "name", value: ({ name }) => name },
    { title: "description", value: ({ description }) => description },
    { title: "device types", value: (one) => one.device_types_compatible.join(", ") },
    { title: "payloads", value: ({ updates }) => updates.map((update) => update.type_info.type ?? "none").join(", ") },
    { title: "size", value: ({ size }) => megabytes(size) },
    { title: "signed", value: ({ signed }) => (signed ? "yes" : "no") },
    { title: "modified", value: ({ modified }) => modified },
  ]);
}

/** Writes beside the file and renames at the end: a download that breaks leaves nothing. */
async function download(context: Context<{ output?: string; progress: boolean }>): Promise<void> {
  const { connection, io, options, words } = context;
  const [id] = words;
  const { uri } = (await (await connection.call("GET", `${ARTIFACTS}/${id}/download`)).json()) as { uri: string };
  const { name } = (await (await connection.call("GET", `${ARTIFACTS}/${id}`)).json()) as Artifact;
  const path = options.output ?? `${name.replaceAll("/", "_")}.mender`;
  const answer = await connection.call("GET", uri, { signal: io.signal });
  const bar = progressBar(io, name, Number(answer.header("content-length")), options.progress);
  const counted = new Transform({
    transform(chunk: Buffer, _encoding, next) {
      bar.add(chunk.length);
      next(null, chunk);
    },
  });
  if (path === "-") return pipeline(answer.stream, counted, process.stdout, { end: false }).finally(() => bar.end());
  const temporary = `${path}.${process.pid}.new`;
  try {
    await pipeline(answer.stream, counted, createWriteStream(temporary));
    renameSync(temporary, path);
  } catch (cause) {
    rmSync(temporary, { force: true });
    io.signal.throwIfAborted();
    throw new AgentError("OUTPUT_FAILED", { path }, cause);
  } finally {
    bar.end();
  }
  done(context, `${path} is complete.`);
}

async function remove(context: Context<object>): Promise<void> {
  for (const id of context.words) {
    await context.connection.call("DELETE", `${ARTIFACTS}/${id}`);
    if (context.isMender) context.io.out("delete successful");
    else done(context, `${id} is deleted.`);
  }
}
