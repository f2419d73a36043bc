import type { ArtifactInfo, PayloadInfo } from "../../artifact/model.ts";
import { AgentError } from "../../errors/agent-error.ts";

/**
 * The arguments of the artifact tool that write this Artifact again, without its files: for every payload with a type
 * those of `write module-image`, which can write a rootfs-image, too. In the words and the order of mender-artifact
 * 3.9.
 *
 * @throws {AgentError} OPTION_INVALID if no option can say what the Artifact says
 */
export function writeArguments(info: ArtifactInfo, payload: PayloadInfo): readonly string[] {
  const { type, provides, depends, clearsProvides } = payload;
  const { artifact_name: names = [], artifact_group: groups = [] } = info.depends;
  if (clearsProvides?.length === 0) throw unspeakable("an empty list of provides to clear");
  return [
    "write",
    type === null ? "bootstrap-artifact" : "module-image",
    ...["--artifact-name", info.name],
    ...(info.group === undefined ? [] : ["--provides-group", info.group]),
    ...each("--artifact-name-depends", names),
    ...each("--device-type", info.deviceTypes),
    ...each("--depends-groups", groups),
    ...(type === null ? [] : ["--type", type, "--no-default-software-version"]),
    ...each("--provides", Object.entries(provides).map(joined)),
    ...each(
      "--depends",
      Object.entries(depends).map(([key, values]) => joined([key, onlyOne(key, values)])),
    ),
    ...(type === null ? [] : ["--no-default-clears-provides"]),
    ...each("--clears-provides", clearsProvides ?? []),
  ];
}

const each = (option: string, values: readonly string[]): readonly string[] =>
  values.flatMap((value) => [option, value]);

function joined([key, value]: readonly [string, string]): string {
  if (key.includes(":")) throw unspeakable(`a colon in the key ${key}`);
  return `${key}:${value}`;
}

function onlyOne(key: string, values: readonly string[]): string {
  const [value, ...more] = values;
  if (value === undefined || more.length > 0) throw unspeakable(`several values that the depends ${key} accept`);
  return value;
}

const unspeakable = (what: string): AgentError =>
  new AgentError("OPTION_INVALID", { option: "--print-cmdline", reason: `no option can write ${what}` });
