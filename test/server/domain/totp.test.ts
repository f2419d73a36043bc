import { expect, test } from "vitest";
import {
  base32,
  newRecoveryCodes,
  newTotpSecret,
  recoveryHash,
  stepOfCode,
  totpCode,
  totpStep,
  totpUri,
} from "../../../server/domain/authentication/totp.ts";

const SECRET = Buffer.from("12345678901234567890");

// RFC 6238, appendix B, the rows of SHA-1.
for (const [seconds, code] of [
  [59, "94287082"],
  [1_111_111_109, "07081804"],
  [1_111_111_111, "14050471"],
  [1_234_567_890, "89005924"],
  [2_000_000_000, "69279037"],
  [20_000_000_000, "65353130"],
] as const)
  test(`RFC 6238: the code at ${seconds} seconds is ${code}`, () => {
    expect(totpCode(SECRET, totpStep(seconds), 8)).toBe(code);
    expect(totpCode(SECRET, totpStep(seconds))).toBe(code.slice(2));
  });

// RFC 4226, appendix D.
test("RFC 4226: the first ten codes", () => {
  const codes = ["755224", "287082", "359152", "969429", "338314", "254676", "287922", "162583", "399871", "520489"];
  expect(codes.map((_, step) => totpCode(SECRET, step))).toEqual(codes);
});

const NOW = 1_111_111_111;
const step = totpStep(NOW);
for (const [title, code, after, expected] of [
  ["of now", totpCode(SECRET, step), 0, step],
  ["of the step before", totpCode(SECRET, step - 1), 0, step - 1],
  ["of the step after", totpCode(SECRET, step + 1), 0, step + 1],
  ["of two steps before", totpCode(SECRET, step - 2), 0, undefined],
  ["of two steps after", totpCode(SECRET, step + 2), 0, undefined],
  ["that was used", totpCode(SECRET, step), step, undefined],
  ["of before the one that was used", totpCode(SECRET, step - 1), step, undefined],
  ["of after the one that was used", totpCode(SECRET, step + 1), step, step + 1],
  ["with a space", totpCode(SECRET, step).replace(/^.../, "$& "), 0, step],
  ["that is empty", "", 0, undefined],
  ["with a digit more", `${totpCode(SECRET, step)}0`, 0, undefined],
  ["of another secret", totpCode(newTotpSecret(), step), 0, undefined],
] as const)
  test(`a code ${title} is ${expected === undefined ? "refused" : "good"}`, () => {
    expect(stepOfCode(SECRET, code, NOW, after)).toBe(expected);
  });

test("a secret is written in base 32, as apps read it", () => {
  expect(["", "f", "fo", "foo", "foob", "fooba", "foobar"].map((text) => base32(Buffer.from(text)))).toEqual([
    ...["", "MY", "MZXQ", "MZXW6", "MZXW6YQ", "MZXW6YTB", "MZXW6YTBOI"],
  ]);
  expect(totpUri(SECRET, "Switchback", "a b@example.com")).toBe(
    "otpauth://totp/Switchback:a%20b%40example.com?secret=GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ&issuer=Switchback",
  );
});

test("recovery codes differ, and are found however they are typed", () => {
  const codes = newRecoveryCodes();
  expect(new Set(codes).size).toBe(10);
  for (const code of codes) {
    expect(code).toMatch(/^[a-z2-7]{5}-[a-z2-7]{5}$/);
    expect(recoveryHash(` ${code.replace("-", "").toUpperCase()} `)).toBe(recoveryHash(code));
  }
});
