import { expect, test } from "vitest";
import { anchorsIn, anchorText } from "../../../server/domain/audit/anchors.ts";
import { differenceOf } from "../../../server/domain/audit/difference.ts";

test("only members that differ are in a difference, whatever the order of their own members", () => {
  const before = { same: { a: 1, b: [2] }, gone: 1, changed: "x", empty: undefined };
  const after = { same: { b: [2], a: 1 }, changed: "y", added: null };
  expect(differenceOf(before, after)).toEqual({
    gone: { before: 1 },
    changed: { before: "x", after: "y" },
  });
  expect(differenceOf(undefined, { made: true })).toEqual({ made: { after: true } });
  expect(differenceOf({ removed: [1] })).toEqual({ removed: { before: [1] } });
});

test("secrets are left out at any depth, and yet one sees that they have changed", () => {
  const state = (secret: string) => ({
    password_hash: secret,
    credentials: { http: { url: "https://x", secret } },
    list: [{ name: "n", apiToken: secret }],
    note: "open",
  });
  const difference = differenceOf(state("first"), state("second"));
  expect(JSON.stringify(difference)).not.toMatch(/first|second/);
  expect(Object.keys(difference)).toEqual(["password_hash", "credentials", "list"]);
  expect(difference["list"]).toEqual({
    before: [{ name: "n", apiToken: "***" }],
    after: [{ name: "n", apiToken: "***" }],
  });
});

test("a long value is stood for by its length and hash", () => {
  const { notes } = differenceOf({ notes: "short" }, { notes: "x".repeat(5000) });
  expect(notes).toEqual({
    before: "short",
    after: { characters: 5002, sha256: expect.stringMatching(/^[0-9a-f]{64}$/) },
  });
});

test("anchors are found again in any text, and what only resembles one is not", () => {
  const anchor = { tenant: "0d0e0f10-1111-4222-8333-444455556666", seq: 12, hash: "ab".repeat(32) };
  const text = anchorText(anchor);
  expect(anchorsIn(`{"anchor":"${text}"} ${text}.`)).toEqual([anchor, anchor]);
  for (const other of [`${text}0`, text.slice(0, -1), text.replace(":12:", "::"), text.replace("0d0e", "0d0")])
    expect(anchorsIn(other)).toEqual([]);
});
