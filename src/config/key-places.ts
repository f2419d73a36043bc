import { isDeepStrictEqual } from "node:util";
import { readSmallFile } from "../util/small-file.ts";
import { asRaw } from "./config-file.ts";
import { findPlaces } from "./json-place.ts";

/** The position of a key: `FILE, line N`. */
interface KeyPlace {
  readonly key: string;
  readonly place: string;
  readonly value: unknown;
}

export interface KeyPlaces {
  /** The position of each key that `text` names. */
  named(text: string): readonly string[];
  /** Keys with different values in the two files, and which value applies. */
  readonly overridden: readonly string[];
}

/** Finds the keys of the two configuration files. A file that cannot be read has no keys. */
export function findKeys(fallback: string, main: string): KeyPlaces {
  const [below, above] = [keysIn(fallback), keysIn(main)];
  const holding = new Map([...below, ...above]);
  return {
    named(text) {
      const words = new Set(text.match(/\b[A-Z]\w+(?:\.[A-Z]\w+)?/g)?.map((word) => word.toLowerCase()));
      return [...words].flatMap((word) => {
        const found = holding.get(word);
        return found === undefined ? [] : [`${found.key} is set in ${found.place}`];
      });
    },
    overridden: [...above].flatMap(([name, { key, place, value }]) => {
      const other = below.get(name);
      if (other === undefined || isDeepStrictEqual(value, other.value)) return [];
      return [`${key} is set in two files: ${place}, overrides ${other.place}`];
    }),
  };
}

function keysIn(file: string): ReadonlyMap<string, KeyPlace> {
  try {
    const text = readSmallFile(file);
    const values = asRaw(JSON.parse(text));
    return new Map(
      [...findPlaces(text).keys].flatMap(([key, { line }]) => {
        const value = values[key];
        const place = `${file}, line ${line}`;
        if (typeof value !== "object" || Array.isArray(value)) return [entry(key, place, value)];
        // The members of an object override individually.
        return Object.entries(asRaw(value)).map(([member, each]) => entry(`${key}.${member}`, place, each));
      }),
    );
  } catch {
    // ignored: the code that reads the configuration reports why it fails.
    return new Map();
  }
}

const entry = (key: string, place: string, value: unknown): [string, KeyPlace] => [
  key.toLowerCase(),
  { key, place, value },
];
