import { spawnSync } from "node:child_process";
import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { dirname } from "node:path";
import { diskActs } from "../../adapters/files/disk.ts";
import { createClientStoreFile } from "../../adapters/takeover/client-store-file.ts";
import { expectNothingPending } from "../../src/core/takeover/client-record.ts";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";

/** Text of `update-guard`. */
declare const UPDATE_GUARD: string;

const DATASTORE = "/var/lib/mender";
/** Where images of Mender keep what the link leads to. */
const ON_DATA_PARTITION = "/data/mender/device_type";
/** Folders of the Mender client's package. On a device, each may be a link to the data partition. */
const FOLDERS = [DATASTORE, "/etc/mender", "/usr/share/mender"];
/**
 * The links among them, for `postinst`: for each a line with its path, and a line with its target. The file exists from
 * here until the package is configured.
 */
const RECORD_FOLDER = "/var/lib/switchback";
const RECORD = `${RECORD_FOLDER}/links`;

/** Refuses while an update of the Mender client is pending, and if its store cannot be read for certain. */
async function expectFinished(): Promise<void> {
  const found = await createClientStoreFile(DATASTORE, diskActs).load();
  if (found !== undefined) expectNothingPending(found.values);
}

/** With a package, dpkg removes links in the places of the package's folders. The device would lose its data. */
async function recordLinks(): Promise<void> {
  const links = FOLDERS.filter((path) => lstatSync(path, { throwIfNoEntry: false })?.isSymbolicLink());
  await diskActs.makeFolder(RECORD_FOLDER, 0o755);
  await diskActs.remove(RECORD);
  await diskActs.writeSynced(RECORD, links.map((path) => `${path}\n${readlinkSync(path)}\n`).join(""), 0o644);
  await diskActs.syncFolder(RECORD_FOLDER);
}

/**
 * apt removes the Mender client before it unpacks this package, and with the client the link to the data partition. On
 * any device with such a folder, the agent would keep its data in the root filesystem, which an update replaces.
 */
function expectLinked(): void {
  if (lstatSync(DATASTORE, { throwIfNoEntry: false }) !== undefined || !existsSync(ON_DATA_PARTITION)) return;
  process.stderr.write(
    `switchback: ${ON_DATA_PARTITION} exists, and no link ${DATASTORE} leads to it. Nothing was installed. Run ` +
      `'ln -s ${dirname(ON_DATA_PARTITION)} ${DATASTORE}', then install the package again.\n`,
  );
  process.exit(1);
}

async function beforeUnpack(): Promise<void> {
  expectLinked();
  if (existsSync(DATASTORE)) await expectFinished();
  await recordLinks();
}

function refuse(error: unknown): void {
  if (!(error instanceof AgentError)) throw error;
  process.stderr.write(`switchback: ${describeError(error)}\n`);
  process.exitCode = 1;
}

/** The functions that the shell scripts of the package have, too. */
function expectNoRunningUpdate(): void {
  const { status } = spawnSync("sh", ["-c", `${UPDATE_GUARD}\nexpect_no_running_update`], { stdio: "inherit" });
  process.exitCode = status ?? 1;
}

// dpkg runs this with "install", "upgrade" or "abort-upgrade". An upgrade takes nothing over. The old version's prerm
// refuses no upgrade, so dpkg never calls the prerm of this version with "failed-upgrade".
if (process.argv[2] === "install") beforeUnpack().catch(refuse);
if (process.argv[2] === "upgrade") expectNoRunningUpdate();
