import { readFile, writeFile } from "node:fs/promises";

/** The header of ICU's data has the name of its format at this offset. */
const FORMAT_AT = 12;
const FORMAT = "CmnD";
/**
 * Texts of a language (`coll/de_AT.res`), old character sets, and dictionaries for scripts without spaces between
 * words.
 */
const ANY_LANGUAGE = /\/[a-z]{2,3}(?:_\w+)?\.res$|\.cnv$|\.dict$/;
const KEPT = /\/en(?:_\w+)?\.res$/;

/**
 * Replaces ICU's data for languages other than English with zeros, which a compressed file system stores in almost no
 * space. The agent uses none of this data, which takes a quarter of an image.
 */
export async function keepEnglishOnly(library: string): Promise<void> {
  const bytes = await readFile(library);
  const start = bytes.indexOf(FORMAT, 0, "latin1") - FORMAT_AT;
  if (start < 0) throw new Error(`${library} holds no data of ICU's`);
  const contents = start + bytes.readUInt16LE(start);
  const count = bytes.readUInt32LE(contents);
  const items = Array.from({ length: count }, (_, index) => {
    const entry = contents + 4 + 8 * index;
    const name = contents + bytes.readUInt32LE(entry);
    return {
      name: bytes.toString("latin1", name, bytes.indexOf(0, name)),
      start: contents + bytes.readUInt32LE(entry + 4),
    };
  });
  // The data does not contain the end of the last item, so that item stays.
  for (const [index, { name, start: from }] of items.slice(0, -1).entries()) {
    if (ANY_LANGUAGE.test(name) && !KEPT.test(name)) bytes.fill(0, from, items[index + 1]?.start);
  }
  await writeFile(library, bytes);
}
