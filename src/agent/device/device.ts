import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { diskReads } from "../../../adapters/files/disk.ts";
import { createRootfsImageHandler, owesUndo } from "../../../adapters/payload/rootfs-image/handler.ts";
import { isArtifactScriptName } from "../../artifact/script-name.ts";
import { loadVerificationKeys } from "../../artifact/signature.ts";
import type { Config } from "../../config/config.ts";
import { readDeviceType } from "../../config/device-type.ts";
import type { Paths } from "../../config/paths.ts";
import type { HandlerFor } from "../../core/deployment/handlers.ts";
import type { ArtifactRecord } from "../../core/deployment/snapshot.ts";
import { type Admission, createAdmission } from "../../core/install/admit.ts";
import { createScriptStage } from "../../core/scripts/extract.ts";
import type { ScriptRunner } from "../../core/scripts/runner.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { PayloadHandler } from "../../ports/payload-handler.ts";
import type { Store } from "../../ports/store.ts";
import type { StoredValue } from "../../ports/stored-value.ts";
import type { Base } from "../base.ts";
import { composeStore, ORIGIN_KEY } from "../store.ts";
import { composeBootloader } from "./bootloader.ts";
import { composeSlots } from "./bootloader-parts.ts";
import type { ModuleParts } from "./module-parts.ts";
import { hasModule, lazyHandler, lazyModule, moduleFile } from "./modules.ts";
import { composePrograms } from "./programs.ts";
import { artifactScripts, composeScripts } from "./scripts.ts";
import { composeSlotDevice } from "./slots.ts";

export interface AdmissionOptions {
  /** Refuses what the reference clients refuse, even if the configuration does not ask for it. */
  readonly strictCompat?: boolean;
}

/** What an update does to the device, in standalone and managed mode. Each update composes a new one. */
export interface Device {
  readonly store: Store;
  readonly scripts: ScriptRunner;
  /** Also throws CONFIG_INVALID. */
  readonly handlerFor: HandlerFor;
  /** How Artifacts come onto the device. @throws {AgentError} if a verification key cannot be used */
  admission(options?: AdmissionOptions): Promise<Admission>;
  /**
   * On a virtual board, refuses to continue an update whose modules or scripts this machine would not run. Must be
   * called before the update does anything: a refusal in the middle would fail the update.
   *
   * @throws {AgentError} BOARD_UNCONFINED
   */
  expectToRun(artifact: Pick<ArtifactRecord, "payloadTypes">): Promise<void>;
  /**
   * Retries a rollback that the agent could not write when its update ended, and removes scripts that were not yet
   * admitted when the agent lost power.
   *
   * @throws {AgentError} the same as the failed rollback
   */
  finishUndo(signal: AbortSignal): Promise<void>;
}

export function composeDevice(base: Base): Device {
  const { host, config, paths, deviceTypeFile, log } = base;
  const store = composeStore(paths, log, host);
  const timeoutMs = config.moduleTimeoutSeconds * 1000;
  const programs = composePrograms(base);
  const modules = { host, programs, paths, store, log, timeoutMs, deviceTypeFile };
  const handlerFor = composeHandlers(modules, config);
  const scriptStage = createScriptStage(artifactScripts(paths), host.files, diskReads);
  return {
    store,
    scripts: composeScripts(base),
    handlerFor,
    async admission({ strictCompat = false } = {}) {
      return createAdmission({
        store,
        scriptStage,
        verifyKeys: await loadVerificationKeys(config.artifactVerifyKeys, log),
        strictCompat: strictCompat || config.switchback.strictCompat,
        deviceType: () => readDeviceType(deviceTypeFile),
        async expectHandler(type, index) {
          handlerFor(type, index);
          if (runsModule(type, paths, config)) await programs.expectToRun(resolve(moduleFile(paths, type)));
        },
        async expectScript(name) {
          await programs.expectToRun(join(artifactScripts(paths), name));
        },
      });
    },
    async expectToRun({ payloadTypes }) {
      if (config.virtualBoard === undefined) return;
      for (const type of payloadTypes) {
        if (type !== null && runsModule(type, paths, config))
          await programs.expectToRun(resolve(moduleFile(paths, type)));
      }
      // ignored: without the folder there are no scripts.
      const scripts = await readdir(artifactScripts(paths)).catch(() => [] as string[]);
      for (const name of scripts)
        if (isArtifactScriptName(name)) await programs.expectToRun(join(artifactScripts(paths), name));
    },
    async finishUndo(signal) {
      await scriptStage.discard();
      if (owesUndo((await store.load()).get(ORIGIN_KEY))) {
        await composeRootfsImage(config, modules).act("Cleanup", signal);
      }
    },
  };
}

const runsModule = (type: string, paths: Paths, { switchback }: Config): boolean =>
  switchback.payloads?.has(type) !== true && hasModule(paths, type);

/** Chooses per payload: the configured adapter, the board's update module of that name, or the built-in handler. */
function composeHandlers(modules: ModuleParts, config: Config): HandlerFor {
  const { paths } = modules;
  const known = new Map<number, PayloadHandler>();
  const make = (type: string, index: number): PayloadHandler => {
    const own = config.switchback.payloads?.get(type);
    if (own !== undefined) {
      return lazyHandler(type, async () =>
        (await import("./payload.ts")).loadPayload(type, index, own, config, modules),
      );
    }
    if (hasModule(paths, type)) return lazyModule(type, index, modules);
    if (type === "rootfs-image") return composeRootfsImage(config, modules);
    throw new AgentError("PAYLOAD_UNSUPPORTED", { type, module: moduleFile(paths, type) });
  };
  return (type, index) => {
    const handler = known.get(index) ?? make(type, index);
    known.set(index, handler);
    return handler;
  };
}

function composeRootfsImage(config: Config, { host, store, log }: ModuleParts): PayloadHandler {
  const bootloader = composeBootloader({ config, host, log });
  const slots = composeSlotDevice(config, composeSlots(config), bootloader, host);
  const storedValue = storedValueIn(store, ORIGIN_KEY);
  const { verifyReadback } = config.switchback;
  return createRootfsImageHandler({ bootloader, slots, storedValue, log, clock: host.clock, verifyReadback });
}

function storedValueIn(store: Store, key: string): StoredValue {
  return {
    load: async () => (await store.load()).get(key),
    save: (value) => store.transact(new Map([[key, value]])),
  };
}
