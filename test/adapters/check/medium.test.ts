import { describe, expect, test } from "vitest";
import { type Files, Medium, type MediumAct } from "../../../adapters/check/medium.ts";

const bytes = (text: string): Uint8Array => new TextEncoder().encode(text);
/** `path=content` of each file, in order of the paths. */
const shown = (files: Files): string =>
  [...files]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([path, content]) => `${path}=${Buffer.from(content).toString().replaceAll("\0", "0")}`)
    .join(" ");

const create = (path: string): MediumAct => ({ kind: "create", path });
const write = (path: string, text: string, offset = 0): MediumAct => ({
  kind: "write",
  path,
  offset,
  bytes: bytes(text),
});
const sync = (path: string): MediumAct => ({ kind: "sync", path });
const syncFolder = (path: string): MediumAct => ({ kind: "syncFolder", path });
const rename = (from: string, to: string): MediumAct => ({ kind: "rename", from, to });
const remove = (path: string): MediumAct => ({ kind: "remove", path });
const truncate = (path: string, sizeBytes: number): MediumAct => ({ kind: "truncate", path, sizeBytes });

function after(...acts: readonly MediumAct[]): Medium {
  const medium = new Medium(new Map([["d/env", bytes("old")]]));
  for (const act of acts) medium.apply(act);
  return medium;
}

/** The visible content, and the durable content, after some acts on a medium that holds `d/env=old`. */
const STATES: Readonly<Record<string, readonly [acts: readonly MediumAct[], seen: string, safe: string]>> = {
  "nothing has been done": [[], "d/env=old", "d/env=old"],
  "a file was written": [[write("d/env", "new")], "d/env=new", "d/env=old"],
  "it was synced": [[write("d/env", "new"), sync("d/env")], "d/env=new", "d/env=new"],
  "it was written behind its end": [[write("d/env", "x", 5), sync("d/env")], "d/env=old00x", "d/env=old00x"],
  "it was cut short": [[truncate("d/env", 1)], "d/env=o", "d/env=old"],
  "it was made longer": [[truncate("d/env", 5), sync("d/env")], "d/env=old00", "d/env=old00"],
  "only its folder was synced": [[write("d/env", "new"), syncFolder("d")], "d/env=new", "d/env=old"],
  "a file was made and synced, and not its folder": [
    [create("d/n"), write("d/n", "1"), sync("d/n")],
    "d/env=old d/n=1",
    "d/env=old",
  ],
  "its folder was synced, too": [
    [create("d/n"), write("d/n", "1"), sync("d/n"), syncFolder("d")],
    "d/env=old d/n=1",
    "d/env=old d/n=1",
  ],
  "another folder was": [
    [create("d/n"), write("d/n", "1"), sync("d/n"), syncFolder("")],
    "d/env=old d/n=1",
    "d/env=old",
  ],
  "a folder was synced before its file": [
    [create("d/n"), write("d/n", "1"), syncFolder("d")],
    "d/env=old d/n=1",
    "d/env=old d/n=",
  ],
  "a file was replaced": [
    [create("d/n"), write("d/n", "1"), sync("d/n"), rename("d/n", "d/env")],
    "d/env=1",
    "d/env=old",
  ],
  "the replacement's folder was synced": [
    [create("d/n"), write("d/n", "1"), sync("d/n"), rename("d/n", "d/env"), syncFolder("d")],
    "d/env=1",
    "d/env=1",
  ],
  "a file has a second name": [[{ kind: "link", from: "d/env", to: "d/l" }], "d/env=old d/l=old", "d/env=old"],
  "a file was removed": [[remove("d/env")], "", "d/env=old"],
  "the removal's folder was synced": [[remove("d/env"), syncFolder("d")], "", ""],
  "everything was synced": [
    [create("d/n"), write("d/n", "1"), { kind: "syncAll" }],
    "d/env=old d/n=1",
    "d/env=old d/n=1",
  ],
};

describe("what is on a medium when", () => {
  for (const [what, [acts, seen, safe]] of Object.entries(STATES)) {
    test(what, () => {
      const medium = after(...acts);
      expect({ seen: shown(medium.seen), safe: shown(medium.safe) }).toEqual({ seen, safe });
    });
  }
});

/** The possible contents after a power cut at the last of some acts. */
const CUTS: Readonly<
  Record<string, readonly [acts: readonly MediumAct[], before: string, during: string, later: string]>
> = {
  "a write": [[write("d/env", "NEWER!")], "d/env=old", "d/env=NEW", "d/env=NEWER!"],
  "a sync": [[write("d/env", "new"), sync("d/env")], "d/env=old", "d/env=new", "d/env=new"],
  "a rename of what was synced": [
    [create("d/n"), write("d/n", "1"), sync("d/n"), rename("d/n", "d/env")],
    "d/env=old",
    "d/env=1",
    "d/env=1",
  ],
  "a rename of what was not synced": [
    [create("d/n"), write("d/n", "1"), rename("d/n", "d/env")],
    "d/env=old",
    "d/env=",
    "d/env=1",
  ],
};

describe("a power cut before, during and after", () => {
  for (const [what, [acts, before, during, later]] of Object.entries(CUTS)) {
    test(what, () => {
      const earlier = acts.slice(0, -1);
      const last = acts.at(-1) as MediumAct;
      const left = (["before", "during", "after"] as const).map((moment) => shown(after(...earlier).cut(last, moment)));
      expect(left).toEqual([before, during, later]);
    });
  }
});

test("a file that was never there cannot be changed", () => {
  expect(() => after(write("d/other", "1"))).toThrow("the adapter changes d/other, which does not exist");
});
