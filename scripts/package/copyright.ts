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

/** Texts of licences, for packages that name one and have no file with it. That of Apache is in each Debian. */
const TEXTS: Readonly<Record<string, string>> = {
  "Apache-2.0": "",
  MIT: `Permission is hereby granted, free of charge, to any person obtaining a copy of this software and associated
documentation files (the "Software"), to deal in the Software without restriction, including without limitation the
rights to use, copy, modify, merge, publish, distribute, sublicense, and/or sell copies of the Software, and to permit
persons to whom the Software is furnished to do so, subject to the following conditions:

The above copyright notice and this permission notice shall be included in all copies or substantial portions of the
Software.

THE SOFTWARE IS PROVIDED "AS IS", WITHOUT WARRANTY OF ANY KIND, EXPRESS OR IMPLIED, INCLUDING BUT NOT LIMITED TO THE
WARRANTIES OF MERCHANTABILITY, FITNESS FOR A PARTICULAR PURPOSE AND NONINFRINGEMENT. IN NO EVENT SHALL THE AUTHORS OR
COPYRIGHT HOLDERS BE LIABLE FOR ANY CLAIM, DAMAGES OR OTHER LIABILITY, WHETHER IN AN ACTION OF CONTRACT, TORT OR
OTHERWISE, ARISING FROM, OUT OF OR IN CONNECTION WITH THE SOFTWARE OR THE USE OR OTHER DEALINGS IN THE SOFTWARE.`,
};

/** Licences that we chose of the several that a package offers, and the part of its text that is that one's. */
const CHOSEN: Readonly<Record<string, { readonly licence: string; readonly text: RegExp }>> = {
  "(MIT OR Apache-2.0)": { licence: "Apache-2.0", text: /Apache License/ },
  "(BSD-3-Clause OR GPL-2.0)": { licence: "BSD-3-Clause", text: /^New BSD License.*?(?=^-{20,}$)/ms },
};

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
    license: offered = OLD_LICENCES[named],
    author,
  } = JSON.parse(await readFile(join(place, "package.json"), "utf8"));
  const name = (await readdir(place)).find((file) => /^licen[cs]e/i.test(file));
  const given = name === undefined ? undefined : await readFile(join(place, name), "utf8");
  const year = /^\s*Copyright (?:(?:\(c\)|©) )?(\d{4}.*)$/m.exec(given ?? "")?.[1];
  // Some name no year.
  const timeless = /^\s*Copyright (?:\(c\)|©) (.+)$/m.exec(given ?? "")?.[1];
  const holder = year ?? timeless ?? String(author?.name ?? author ?? "");
  if (holder === "") throw new Error(`${place}: nobody holds the copyright`);
  const chosen = CHOSEN[offered];
  const license = chosen?.licence ?? offered;
  const text = chosen === undefined ? (given ?? TEXTS[license]) : chosen.text.exec(given ?? "")?.[0];
  if (text === undefined) throw new Error(`${place} has no file with its licence`);
  const head = `Files: ${place}/*\nCopyright: ${holder.trim()}\nLicense: `;
  if (license === "Apache-2.0") return `${head}${license}\n`;
  const lines = text
    .trim()
    .split("\n")
    .map((line) => (line.trim() === "" ? " ." : ` ${line.trimEnd()}`));
  return `${head}${license}\n${lines.join("\n")}\n`;
}
