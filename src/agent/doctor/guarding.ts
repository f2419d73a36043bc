import { dirname, isAbsolute, join, resolve } from "node:path";
import { blockOf, collectEntryFacts, collectFileFacts } from "../../../adapters/doctor/file-facts.ts";
import { diskReads } from "../../../adapters/files/disk.ts";
import type { Config } from "../../config/config.ts";
import type { Paths } from "../../config/paths.ts";
import type { Examination } from "../../core/doctor/examine.ts";
import { assessPermissions } from "../../core/doctor/permissions.ts";
import { AgentError } from "../../errors/agent-error.ts";
import type { FileFacts } from "../../ports/board-facts.ts";
import type { Finding } from "../../ports/finding.ts";
import { modulesFolder } from "../device/modules.ts";
import { artifactScripts } from "../device/scripts.ts";
import type { Host } from "../host.ts";

interface GuardingParts {
  readonly config: Config;
  readonly paths: Paths;
  readonly host: Host;
}

/** Examines how the device identifies itself to its server, and whether others could replace the device or agent. */
export function composeGuarding({ config, paths, host }: GuardingParts, user: number): readonly Examination[] {
  const usesServer = (): boolean => usable(() => config.server.urls, []).length > 0;
  const givenKey = (): string | undefined => usable(() => config.server.authPrivateKey, undefined);
  const deviceKey = (): string => givenKey() ?? join(paths.datastore, "mender-agent.pem");
  const script = join(paths.dataDir, "identity", "mender-device-identity");
  const token = join(paths.datastore, "switchback-server");
  return [
    {
      area: "identity",
      advice: `Make ${script} print lines key=value that never change, and end with exit status 0.`,
      async look(signal) {
        if (!usesServer()) return [];
        const { examineIdentity } = await import("../../core/doctor/managed.ts");
        return await examineIdentity(script, host.process(), diskReads, signal);
      },
    },
    {
      area: "device key",
      advice:
        "Restore the key, or create one with 'switchback bootstrap --forcebootstrap': the server sees a new device then.",
      async look() {
        const { examineDeviceKey } = await import("../../core/doctor/managed.ts");
        return await examineDeviceKey({ path: deviceKey(), isGiven: givenKey() !== undefined }, usesServer());
      },
    },
    {
      area: "permissions",
      advice: "Make the files readable.",
      async look() {
        const secret = [deviceKey(), token, ...usable(() => clientKey(config), [])];
        const trusted = [
          paths.mainConfig,
          paths.fallbackConfig,
          ...usable(() => config.artifactVerifyKeys, []),
          ...usable(() => certificates(config), []),
          ...usable(() => adapters(config), []),
        ];
        const folders = [
          dirname(paths.mainConfig),
          join(paths.confDir, "scripts"),
          paths.datastore,
          artifactScripts(paths),
          modulesFolder(paths),
          dirname(script),
          join(paths.dataDir, "inventory"),
        ];
        const found = [...(await collectAll(trusted)), ...(await Promise.all(folders.map(collectEntryFacts))).flat()];
        const secretFacts = await collectAll(secret);
        const isSecret = new Set(secretFacts.map(({ path }) => path));
        const byPath = new Map(found.map((facts) => [facts.path, facts]));
        const others = [...byPath.values()].filter(({ path }) => !isSecret.has(path));
        return assessPermissions({ trusted: others, secret: secretFacts }, user);
      },
    },
    {
      area: "saving",
      advice: "Check the datastore.",
      async look() {
        const saved = [
          join(paths.datastore, "switchback-store"),
          token,
          ...(givenKey() === undefined ? [deviceKey()] : []),
        ];
        const blocks = (await Promise.all(saved.map(blockOf))).filter((path) => path !== undefined);
        return blocks.map(blocked);
      },
    },
  ];
}

function blocked(path: string): Finding {
  const found = "it can be neither replaced nor removed, so the agent cannot save its records";
  const advice = `Unmount it, or remove its immutable flag (chattr -i ${path}).`;
  return { level: "bad", subject: path, found, advice };
}

/** Returns `otherwise` if the configuration is invalid there: the area "configuration" reports that. */
function usable<T>(read: () => T, otherwise: T): T {
  try {
    return read();
  } catch (error) {
    if (error instanceof AgentError) return otherwise;
    throw error;
  }
}

async function collectAll(paths: readonly string[]): Promise<readonly FileFacts[]> {
  return (await Promise.all([...new Set(paths)].map(collectFileFacts))).filter((facts) => facts !== undefined);
}

const clientKey = ({ connection }: Config): readonly string[] =>
  connection.client === undefined ? [] : [connection.client.key];

const certificates = ({ connection: { serverCertificate, client } }: Config): readonly string[] =>
  [serverCertificate, client?.certificate].filter((path) => path !== undefined);

/** Files of the configured adapters. Packages are left out: guarding what npm has installed is npm's task. */
function adapters({ switchback: { adapter, device, payloads } }: Config): readonly string[] {
  const all = [adapter, device, ...(payloads?.values() ?? [])].filter((choice) => choice !== undefined);
  return all.flatMap(({ source, from }) => {
    const file = "program" in source ? source.program : source.module;
    return isAbsolute(file) || file.startsWith(".") ? [resolve(from, file)] : [];
  });
}
