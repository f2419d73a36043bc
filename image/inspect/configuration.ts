import type { SystemTree } from "./system-tree.ts";

const FILES = ["/var/lib/mender/mender.conf", "/etc/mender/mender.conf"];

/** mender.conf, as far as it concerns an image. Keys are found whatever their case. */
export interface Configuration {
  /** The files that exist, the decisive one last. */
  readonly files: readonly string[];
  /** Files that are not JSON objects. */
  readonly invalid: readonly string[];
  text(key: string): string | undefined;
  texts(key: string): readonly string[];
}

export async function readConfiguration(tree: SystemTree): Promise<Configuration> {
  const values = new Map<string, unknown>();
  const files: string[] = [];
  const invalid: string[] = [];
  for (const file of FILES) {
    const text = await tree.text(file);
    if (text === undefined) continue;
    files.push(file);
    const found = parsed(text);
    if (found === undefined) invalid.push(file);
    for (const [key, value] of Object.entries(found ?? {})) values.set(key.toLowerCase(), value);
  }
  const text = (key: string): string | undefined => {
    const value = values.get(key.toLowerCase());
    return typeof value === "string" && value !== "" ? value : undefined;
  };
  return {
    files,
    invalid,
    text,
    texts: (key) => {
      const value = values.get(key.toLowerCase());
      return Array.isArray(value) ? value.filter((each) => typeof each === "string") : [];
    },
  };
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text);
    return typeof value === "object" && value !== null && !Array.isArray(value) ? { ...value } : undefined;
  } catch {
    // ignored: the caller reports the file.
    return undefined;
  }
}
