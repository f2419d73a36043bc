import { existsSync } from "node:fs";
import { join } from "node:path";
import { diskReads } from "../../adapters/files/disk.ts";
import { createClientStoreFile } from "../../adapters/takeover/client-store-file.ts";
import { createJournal } from "../core/deployment/journal.ts";
import { firstProvides } from "../core/install/seed.ts";
import { keyKind } from "../core/server/device-key.ts";
import type { TakeoverParts } from "../core/takeover/takeover.ts";
import { AgentError, describeError } from "../errors/agent-error.ts";
import { type Base, composeBase } from "./base.ts";
import { composeBootloader } from "./device/bootloader.ts";
import { composeDevice } from "./device/device.ts";
import type { CliIo } from "./io.ts";
import type { GlobalOptions } from "./options.ts";
import { composeStore } from "./store.ts";

/** What `takeover` needs, and the files that both clients share. */
export interface Takeover extends TakeoverParts {
  /** `kind` is the type of the key, or absent if there is none that can be used. */
  readonly key: { readonly path: string; readonly kind?: string | undefined };
  readonly configuration: readonly string[];
}

/** @throws {AgentError} CONFIG_INVALID */
export async function composeTakeover(options: GlobalOptions, io: CliIo): Promise<Takeover> {
  const base = await composeBase(options, io);
  const { host, config, paths, log } = base;
  const store = composeStore(paths, log, host);
  const client = createClientStoreFile(paths.datastore, host.files);
  const key = await findKey(base);
  return {
    store,
    client,
    key,
    configuration: [paths.fallbackConfig, paths.mainConfig].filter((file) => existsSync(file)),
    async firstProvides() {
      const found = await firstProvides(paths, log, diskReads);
      return found === "unreadable" ? undefined : found;
    },
    isOnTrial: (signal) => isOnTrial(base, signal),
    async expectUsable() {
      const refusal = config.refusal ?? key.refusal;
      if (refusal !== undefined) throw refusal;
      // Each part of the configuration is interpreted when it is read, and throws then.
      return void [config.connection, config.artifactVerifyKeys, config.switchback.bootloader];
    },
    async expectIdle() {
      const pending = await createJournal(store).load();
      if (pending !== undefined) throw new AgentError("UPDATE_IN_PROGRESS", { state: pending.state });
    },
    finishUndo: (signal) => composeDevice(base).finishUndo(signal),
  };
}

/** Giving the device back must not depend on its key, so this reports a key that cannot be used. */
async function findKey({ config, paths }: Base): Promise<Takeover["key"] & { readonly refusal?: AgentError }> {
  let path = join(paths.datastore, "mender-agent.pem");
  try {
    const given = config.server.authPrivateKey;
    path = given ?? path;
    return { path, kind: await keyKind({ path, isGiven: given !== undefined }) };
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    return { path, refusal: error };
  }
}

/** A boot loader that cannot be read is no reason to refuse: the client's store says whether an update is pending. */
async function isOnTrial({ config, host, log }: Base, signal: AbortSignal): Promise<boolean> {
  if (config.rootfsPartA === undefined && config.switchback.bootloader === undefined) return false;
  try {
    return (await composeBootloader({ config, host, log }).plan(signal)).trial;
  } catch (error) {
    if (!(error instanceof AgentError)) throw error;
    log("warning", `Cannot tell whether the boot loader has an update on trial: ${describeError(error)}`);
    return false;
  }
}
