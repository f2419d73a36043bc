import { expect, test } from "vitest";
import { compileRule } from "../../server/adapters/enrolment/rules.ts";

const MAC = { attribute: "mac", regex: "02:.*" };

for (const [title, rule, applicant, fits] of [
  ["an attribute as it must be", { identity: [MAC] }, { identity: { mac: "02:01" } }, true],
  ["an attribute that only contains it", { identity: [MAC] }, { identity: { mac: "a02:01" } }, false],
  ["an attribute that is missing", { identity: [MAC] }, { identity: {} }, false],
  [
    "an attribute that every object has",
    { identity: [{ attribute: "constructor", regex: ".*" }] },
    { identity: {} },
    false,
  ],
  ["a list whose texts are all right", { identity: [MAC] }, { identity: { mac: ["02:01", "02:02"] } }, true],
  ["a list with one that is wrong", { identity: [MAC] }, { identity: { mac: ["02:01", "03:02"] } }, false],
  ["an empty list", { identity: [MAC] }, { identity: { mac: [] } }, false],
  ["no number", { identity: [{ attribute: "n", regex: "1" }] }, { identity: { n: 1 } }, false],
  ["one of two branches", { identity: [{ attribute: "m", regex: "a|b" }] }, { identity: { m: "b" } }, true],
  ["a part of a branch", { identity: [{ attribute: "m", regex: "a|b" }] }, { identity: { m: "ab" } }, false],
  ["one of the listed", { identity: [{ attribute: "m", values: ["x", "y"] }] }, { identity: { m: "y" } }, true],
  ["none of the listed", { identity: [{ attribute: "m", values: ["x"] }] }, { identity: { m: "y" } }, false],
  ["one of two conditions", { identity: [MAC, { attribute: "sn", regex: "1" }] }, { identity: { mac: "02:" } }, false],
  ["an address in the network", { networks: ["192.0.2.0/24"] }, { address: "192.0.2.77" }, true],
  ["the address itself", { networks: ["192.0.2.7"] }, { address: "192.0.2.7" }, true],
  ["an address beside it", { networks: ["192.0.2.7"] }, { address: "192.0.2.8" }, false],
  ["one of version 4 in the dress of version 6", { networks: ["192.0.2.0/24"] }, { address: "::ffff:192.0.2.9" }, true],
  ["one of version 6", { networks: ["10.0.0.0/8", "2001:db8::/32"] }, { address: "2001:db8::1" }, true],
  ["an address that is not known", { networks: ["0.0.0.0/0"] }, { address: null }, false],
  ["an address that is not known, and does not matter", { identity: [MAC] }, { identity: { mac: "02:" } }, true],
] as const)
  test(`a rule ${fits ? "fits" : "does not fit"} ${title}`, () => {
    const asked = compileRule({ identity: [], networks: [], ...rule });
    expect(asked({ identity: {}, address: null, ...applicant })).toBe(fits);
  });
