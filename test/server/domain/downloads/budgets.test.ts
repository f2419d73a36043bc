import fc from "fast-check";
import { expect, test } from "vitest";
import {
  admit,
  budgetsOf,
  chargeOf,
  isUnlimited,
  NO_LIMITS,
  SAVED_MS,
  usedUpForMs,
} from "../../../../server/domain/downloads/budgets.ts";
import { siteOf } from "../../../../server/domain/downloads/site.ts";

const PREFIXES = { ipv4Prefix: 24, ipv6Prefix: 48 };

for (const [address, site] of [
  ["192.168.7.9", "192.168.7.0/24"],
  ["::ffff:192.168.7.9", "192.168.7.0/24"],
  ["2001:db8:12:34:5:6:7:8", "2001:db8:12:0:0:0:0:0/48"],
  ["2001:db8::1", "2001:db8:0:0:0:0:0:0/48"],
  ["fe80::1%eth0", "fe80:0:0:0:0:0:0:0/48"],
  ["::1", "0:0:0:0:0:0:0:0/48"],
  ["64:ff9b::192.0.2.33", "64:ff9b:0:0:0:0:0:0/48"],
] as const)
  test(`the site of ${address} is ${site}`, () => expect(siteOf(address, PREFIXES)).toBe(site));

test("a prefix may end within a part of an address", () => {
  expect(siteOf("10.1.255.3", { ...PREFIXES, ipv4Prefix: 20 })).toBe("10.1.240.0/20");
  expect(siteOf("10.1.255.3", { ...PREFIXES, ipv4Prefix: 32 })).toBe("10.1.255.3/32");
  expect(siteOf("2001:db8:ffff::", { ...PREFIXES, ipv6Prefix: 36 })).toBe("2001:db8:f000:0:0:0:0:0/36");
  expect(siteOf("64:ff9b::192.0.2.33", { ...PREFIXES, ipv6Prefix: 128 })).toBe("64:ff9b:0:0:0:0:c000:221/128");
});

test("two addresses have the same site exactly if their first bits are the same", () =>
  fc.assert(
    fc.property(fc.nat(2 ** 32 - 1), fc.nat(2 ** 32 - 1), fc.integer({ min: 1, max: 32 }), (a, b, prefix) => {
      const text = (n: number): string => [24, 16, 8, 0].map((shift) => Math.floor(n / 2 ** shift) % 256).join(".");
      const first = (n: number): number => Math.floor(n / 2 ** (32 - prefix));
      const site = (n: number): string => siteOf(text(n), { ...PREFIXES, ipv4Prefix: prefix });
      const near = first(a) * 2 ** (32 - prefix) + (b % 2 ** (32 - prefix));
      expect(site(a) === site(b)).toBe(first(a) === first(b));
      expect(site(near)).toBe(site(a));
    }),
  ));

test("a download needs the budgets of the tenant and of the plan, and none without limits", () => {
  const limits = { ...NO_LIMITS, rev: 3, bytesPerSecond: 10, siteBytesPerSecond: 5 };
  const own = { bytesPerSecond: 7, siteBytesPerSecond: 2 };
  expect(budgetsOf("d", own, limits, "s").map(({ key, bytesPerSecond, busy }) => [key, bytesPerSecond, busy])).toEqual([
    ["tenant/3", 10, "WAITS_FOR_DOWNLOADS"],
    ["tenant/3 s", 5, "WAITS_FOR_SITE"],
    ["d", 7, "WAITS_FOR_DOWNLOADS"],
    ["d s", 2, "WAITS_FOR_SITE"],
  ]);
  expect(budgetsOf("d", undefined, NO_LIMITS, "s")).toEqual([]);
  expect([isUnlimited(NO_LIMITS), isUnlimited({ siteBytesPerSecond: 1 })]).toEqual([true, false]);
});

test("a device that has begun is charged although the budget is used up", () => {
  const charge = { key: "a", ms: 1000 };
  const freeAt = new Map([["a", SAVED_MS + 5]]);
  expect(admit([charge], freeAt, 0, false)).toEqual({ refused: "a" });
  expect(admit([charge], freeAt, 0, true)).toEqual({ freeAt: new Map([["a", SAVED_MS + 1005]]) });
  expect([usedUpForMs(SAVED_MS + 5, 0), usedUpForMs(SAVED_MS, 0)]).toEqual([5, 0]);
});

test("in no span of time do downloads of more bytes begin than the budget and what it saved allow, but for one", () =>
  fc.assert(
    fc.property(
      fc.array(fc.record({ gap: fc.nat(4000), size: fc.integer({ min: 1, max: 50_000 }) }), { maxLength: 60 }),
      fc.integer({ min: 1, max: 5000 }),
      (polls, bytesPerSecond) => {
        const budget = { key: "a", bytesPerSecond, busy: "WAITS_FOR_DOWNLOADS" as const };
        let now = 0;
        let freeAt: ReadonlyMap<string, number> = new Map();
        const begun: { at: number; size: number }[] = [];
        for (const { gap, size } of polls) {
          now += gap;
          const answer = admit([chargeOf(budget, size)], freeAt, now, false);
          if (answer.refused !== undefined) {
            // A refusal says when there is room again.
            const room = now + usedUpForMs(freeAt.get("a") ?? 0, now);
            expect(admit([chargeOf(budget, size)], freeAt, room, false).refused).toBeUndefined();
            expect(admit([chargeOf(budget, size)], freeAt, room - 1, false).refused).toBe("a");
            continue;
          }
          freeAt = answer.freeAt;
          begun.push({ at: now, size });
        }
        for (const [first, from] of begun.entries())
          for (let last = first; last < begun.length; last += 1) {
            const span = (begun[last]?.at ?? 0) - from.at;
            const bytes = begun.slice(first, last + 1).reduce((sum, { size }) => sum + size, 0);
            const most = ((span + SAVED_MS) * bytesPerSecond) / 1000 + (begun[last]?.size ?? 0);
            expect(bytes).toBeLessThanOrEqual(most + 1e-6);
          }
      },
    ),
  ));

test("of several budgets, all must be free, and a refusal charges none of them", () => {
  const charges = [
    { key: "all", ms: 100 },
    { key: "site", ms: 900 },
  ];
  const freeAt = new Map([["site", SAVED_MS + 1]]);
  expect(admit(charges, freeAt, 0, false)).toEqual({ refused: "site" });
  expect(admit(charges, freeAt, 1, false).freeAt).toEqual(
    new Map([
      ["all", 101],
      ["site", SAVED_MS + 901],
    ]),
  );
});
