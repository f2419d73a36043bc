import { mkdir, mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { createSandboxRig } from "../adapters/kit/bootloader-rig.ts";
import { adapterEnvironment } from "../adapters/kit/context.ts";
import { type Firmware, programFirmware, virtualFirmware } from "../adapters/kit/firmware.ts";
import { failedWith, UNFILLED } from "../adapters/kit/foreign-failure.ts";
import { Sandbox } from "../adapters/kit/sandbox.ts";
import { createChildProcess } from "../adapters/process/child-process.ts";
import { createAdapterBootloader } from "./compose-adapter.ts";
import type { AdapterChoice } from "./config/adapter-choice.ts";
import { BOOTLOADER_CONTRACT } from "./contracts/bootloader.ts";
import { BOOTLOADER_STORAGE_CONTRACT, type StorageRig } from "./contracts/bootloader-storage.ts";
import { AgentError, describeError } from "./errors/agent-error.ts";

export interface CheckRequest {
  readonly source: AdapterChoice["source"];
  readonly options: Readonly<Record<string, unknown>>;
  /** Program that plays the board's boot loader; the virtual board's own rule without it. */
  readonly firmware?: string;
  /** Looks only at promises that contain this. */
  readonly only: string;
}

/** A promise, and why it is broken where it is. */
export interface Verdict {
  readonly promise: string;
  readonly kept: boolean;
  readonly reason?: string;
}

/**
 * Holds an adapter against every promise of a boot loader, in a sandbox's folder.
 *
 * @throws {AgentError} ADAPTER_…; ADAPTER_INVALID also names what a skeleton still lacks
 */
export async function* checkBootloader(request: CheckRequest, signal: AbortSignal): AsyncGenerator<Verdict> {
  const folder = await mkdtemp(join(tmpdir(), "switchback-adapter-"));
  try {
    const rig = await makeRig(request, folder);
    await expectFilledIn(rig);
    for (const { title, run } of [...BOOTLOADER_CONTRACT, ...BOOTLOADER_STORAGE_CONTRACT]) {
      if (!title.includes(request.only)) continue;
      signal.throwIfAborted();
      await rig.reset();
      try {
        await run(rig);
        yield { promise: title, kept: true };
      } catch (error) {
        yield { promise: title, kept: false, reason: reasonOf(error) };
      }
    }
  } finally {
    await rm(folder, { recursive: true });
  }
}

async function makeRig({ source, options, firmware: program }: CheckRequest, folder: string): Promise<StorageRig> {
  const root = join(folder, "root");
  const sandbox = new Sandbox(root, join(folder, "trace"));
  await mkdir(root);
  const environment = { ...process.env, LC_ALL: "C" };
  const firmware: Firmware =
    program === undefined
      ? virtualFirmware(root)
      : programFirmware(root, resolve(program), createChildProcess({ env: { ...environment, SWITCHBACK_ROOT: root } }));
  const { slots } = firmware;
  const env = adapterEnvironment({ root, slots, options }, environment);
  const observed = sandbox.observe(createChildProcess({ env }));
  const parts = { root, slots, options, process: observed, acts: sandbox.acts };
  let instances = 0;
  const create = () => {
    instances += 1;
    return createAdapterBootloader(source, parts, instances);
  };
  return createSandboxRig({ sandbox, firmware, create });
}

/** Names all functions that a skeleton still lacks, rather than the promises that they break. */
async function expectFilledIn({ boot, reset }: StorageRig): Promise<void> {
  const { signal } = new AbortController();
  const requests: Readonly<Record<string, () => Promise<unknown>>> = {
    booted: () => boot.booted(signal),
    plan: () => boot.plan(signal),
    arm: () => boot.arm("B", signal),
    confirm: () => boot.confirm(signal),
    revert: () => boot.revert("A", signal),
  };
  const missing: string[] = [];
  for (const [name, request] of Object.entries(requests)) {
    await reset();
    try {
      await request();
    } catch (error) {
      if (error instanceof AgentError && STOPS.has(error.code)) throw error;
      // ignored: what else is wrong with it, the promises tell.
      if (failedWith(error, UNFILLED)) missing.push(name);
    }
  }
  if (missing.length > 0) throw new AgentError("ADAPTER_INVALID", { missing: missing.join(", ") });
}

/** Failures after which no promise can be looked at. */
const STOPS: ReadonlySet<string> = new Set(["ADAPTER_LOAD", "ADAPTER_INVALID", "ADAPTER_PROTOCOL", "PROCESS_MISSING"]);

function reasonOf(error: unknown): string {
  if (error instanceof AgentError) return describeError(error);
  return error instanceof Error ? error.message : String(error);
}
