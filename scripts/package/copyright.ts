import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { OLD_LICENCES } from "./sbom.ts";

const OWN = `Format: https://www.debian.org/doc/packaging-manuals/copyright-format/1.0/
Upstream-Name: switchback

Files: *
Copyright: the contributors of Switchback
License: Apache-2.0
`;

const APACHE = `License: Apache-2.0
 On Debian systems, /usr/share/common-licenses/Apache-2.0 contains the complete
 text of this license.
`;

/**
 * The licences of the program and of the packages that are bundled into it, in Debian's format.
 *
 * @param places folders of the packages: `node_modules/zod`
 */
export async function copyrightText(places: readonly string[]): Promise<string> {
  const parts = await Promise.all(places.map(stanzaOf));
  return [OWN, ...parts, APACHE].join("\n");
}

/** A licence that is not Apache's must accompany every copy, so its text is part of the stanza. */
async function stanzaOf(place: string): Promise<string> {
  const {
    name: named,
    license = OLD_LICENCES[named],
    author,
  } = JSON.parse(await readFile(join(place, "package.json"), "utf8"));
  const name = (await readdir(place)).find((file) => /^licen[cs]e/i.test(file));
  if (name === undefined) throw new Error(`${place} has no file with its licence`);
  const text = await readFile(join(place, name), "utf8");
  const holder = /^\s*Copyright (?:\(c\) )?(\d{4}.*)$/m.exec(text)?.[1] ?? String(author?.name ?? author ?? "");
  if (holder === "") throw new Error(`${place}: nobody holds the copyright`);
  const head = `Files: ${place}/*\nCopyright: ${holder.trim()}\nLicense: `;
  if (license === "Apache-2.0") return `${head}${license}\n`;
  const lines = text
    .trim()
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`));
  return `${head}${license}\n${lines.join("\n")}\n`;
}
