import { expect, test } from "vitest";
import { lazy } from "../../src/util/lazy.ts";

interface Counter {
  add(count: number): Promise<number>;
  reset?(): Promise<void>;
}

function counting() {
  let made = 0;
  const make = async (): Promise<Counter> => {
    made += 1;
    let total = 0;
    return {
      async add(count) {
        total += count;
        return total;
      },
    };
  };
  return { make, made: () => made };
}

test("a lazy object is made at its first call, once, and keeps its state", async () => {
  const { make, made } = counting();
  const counter = lazy(make, ["add", "reset"]);
  expect(made()).toBe(0);
  expect(await Promise.all([counter.add(1), counter.add(2)])).toEqual([1, 3]);
  expect(made()).toBe(1);
});

test("a method that the object lacks resolves to undefined", async () => {
  expect(await lazy(counting().make, ["reset"]).reset?.()).toBeUndefined();
});

test("an object that cannot be made fails each call with the reason", async () => {
  const broken = lazy<Counter, "add">(() => Promise.reject(new Error("no module")), ["add"]);
  await expect(broken.add(1)).rejects.toThrow("no module");
  await expect(broken.add(1)).rejects.toThrow("no module");
});
