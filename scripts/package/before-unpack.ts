import { existsSync, lstatSync, readlinkSync } from "node:fs";
import { diskActs } from "../../adapters/files/disk.ts";
import { createClientStoreFile } from "../../adapters/takeover/client-store-file.ts";
import { expectNothingPending } from "../../src/core/takeover/client-record.ts";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";

const DATASTORE = "/var/lib/mender";
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

async function beforeUnpack(): Promise<void> {
  if (existsSync(DATASTORE)) await expectFinished();
  await recordLinks();
}

function refuse(error: unknown): void {
  if (!(error instanceof AgentError)) throw error;
  process.stderr.write(`switchback: ${describeError(error)}\n`);
  process.exitCode = 1;
}

// dpkg runs this with "install", "upgrade" or "abort-upgrade". An upgrade takes nothing over.
if (process.argv[2] === "install") beforeUnpack().catch(refuse);
