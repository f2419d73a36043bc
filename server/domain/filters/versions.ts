/**
 * A version in a text, in the form that is compared. The same as the function `version_parts` of the database, so that
 * both find the same devices.
 */
export interface Version {
  /** What stands before it: of `charger-os-4.12.0`, `charger-os`. */
  readonly prefix: string;
  /** Sorts by its bytes as people sort versions. */
  readonly key: string;
}

/** As many digits has each number of a key. Longer ones are no part of a version. */
const DIGITS = 18;
const VERSION = /(?:^|[-_ /@])[vV]?([0-9]+(?:[.][0-9]+)*)/;
/** What comes before the version without it: 4.12.0-rc1 before 4.12.0. Anything else comes after it: 4.12.0-2. */
const BEFORE = /^(?:~|[-._ ]?(?:alpha|beta|rc|pre|dev|snapshot|nightly|[abm][0-9]))/;

/**
 * Finds the first version in a text. Numbers compare as numbers, and missing ones are 0; what follows a + does not count.
 * `undefined`: there is none.
 */
export function versionIn(text: string): Version | undefined {
  const found = VERSION.exec(text);
  if (found === null) return undefined;
  const numbers = (found[1] ?? "").split(".").map((number) => number.replace(/^0+/, ""));
  if (numbers.some((number) => number.length > DIGITS)) return undefined;
  const [rest = ""] = text.slice(found.index + found[0].length).split("+", 1);
  const tail = rest.replace(/[A-Z]/g, (letter) => letter.toLowerCase());
  const kind = tail === "" ? "!" : BEFORE.test(tail) ? " " : '"';
  const padded = numbers.map((number) => number.padStart(DIGITS, "0")).join("");
  const release = padded.replace(/(?:0{18})+$/, "");
  return {
    prefix: text.slice(0, found.index),
    key: `${release}${kind}${tail.replace(/[0-9]+/g, (number) => number.padStart(DIGITS, "0"))}`,
  };
}
