import { HEADER_INFO, sha256, type TarEntry, tar } from "./odd-artifacts.ts";

export interface Part {
  readonly type: string;
  readonly files: Readonly<Record<string, string | Uint8Array>>;
  readonly metaData?: unknown;
}

/** An Artifact with these payloads, which our writer cannot make; part 0 provides `part0.version`, and so on. */
export function severalPayloads(
  name: string,
  parts: readonly Part[],
  scripts: Readonly<Record<string, string>> = {},
): Buffer {
  const info = { ...HEADER_INFO, payloads: parts.map(({ type }) => ({ type })) };
  const provided = { ...info, artifact_provides: { artifact_name: name } };
  const entries = parts.flatMap(({ type, metaData }, index): TarEntry[] => [
    {
      name: `headers/${number(index)}/type-info`,
      content: JSON.stringify({ type, artifact_provides: { [`part${index}.version`]: name } }),
    },
    { name: `headers/${number(index)}/meta-data`, content: JSON.stringify(metaData) ?? "" },
  ]);
  const scriptEntries = Object.entries(scripts).map(([script, content]) => ({ name: `scripts/${script}`, content }));
  const header = tar([{ name: "header-info", content: JSON.stringify(provided) }, ...scriptEntries, ...entries]);
  const version = '{"format":"mender","version":3}';
  const lines = parts.flatMap(({ files }, index) =>
    Object.entries(files).map(([file, data]) => `${sha256(data)}  data/${number(index)}/${file}\n`),
  );
  return tar([
    { name: "version", content: version },
    { name: "manifest", content: `${lines.join("")}${sha256(header)}  header.tar\n${sha256(version)}  version\n` },
    { name: "header.tar", content: header },
    ...parts.map(({ files }, index) => ({
      name: `data/${number(index)}.tar`,
      content: tar(Object.entries(files).map(([file, content]) => ({ name: file, content }))),
    })),
  ]);
}

const number = (index: number): string => String(index).padStart(4, "0");
