import { expect, test } from "vitest";
import { Random } from "../../../qemu/harness/random.ts";
import { tar } from "../../artifact/odd-artifacts.ts";
import { DAMAGE_KINDS, damage } from "./damage.ts";
import { describeDamaged, VERSION } from "./damaged-installs.ts";

describeDamaged({ name: "not compressed", verified: false, make: (board) => board.release(VERSION) });

describeDamaged({
  name: "compressed with gzip",
  verified: false,
  make: (board) => board.release(VERSION, "yes", { compression: "gzip" }),
});

test("the same seed gives the same damage, whatever its kind", () => {
  expect(DAMAGE_KINDS.length).toBeGreaterThan(10);
  const whole = tarOfTwo();
  for (const number of DAMAGE_KINDS.keys()) {
    const [one, two] = [damage(whole, number, new Random(number)), damage(whole, number, new Random(number))];
    expect(one.kind).toBe(DAMAGE_KINDS[number]);
    expect(one.bytes.equals(two.bytes)).toBe(true);
    expect(one.bytes.equals(whole)).toBe(false);
  }
});

function tarOfTwo(): Buffer {
  return tar([
    { name: "version", content: "some" },
    { name: "data/0000.tar", content: "thing" },
  ]);
}
