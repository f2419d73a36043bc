import { readFileSync } from "node:fs";
import { fencesOf } from "../docs/walk/guide.ts";

export const GUIDE = "docs/guides/yocto.md";

/** The blocks of the guide in one language, from top to bottom. */
export const blocksOf = (language: "bitbake" | "sh"): readonly string[] =>
  fencesOf(readFileSync(GUIDE, "utf8"))
    .filter((fence) => fence.language === language)
    .map(({ text }) => text);

/** Blocks for the configuration of a build, and those for recipes, which inherit a class. */
export const isRecipe = (block: string): boolean => /^inherit /m.test(block);
