import type { Outcome, TestReport } from "./outcome.ts";

/** Characters that XML 1.0 cannot contain, not even escaped. */
// biome-ignore lint/suspicious/noControlCharactersInRegex: the expression looks for control characters.
const NOT_XML = /[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]|\p{Cs}/gu;

const ENTITIES: Readonly<Record<string, string>> = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;" };

const plain = (text: string): string =>
  text.replace(NOT_XML, (c) => `\\x${c.charCodeAt(0).toString(16).padStart(2, "0")}`);
const escaped = (text: string): string => plain(text).replace(/[&<>"]/g, (c) => ENTITIES[c] ?? c);
/** In an attribute, a parser would turn line breaks into spaces. */
const attribute = (text: string): string => escaped(text).replace(/[\r\n\t]/g, (c) => `&#${c.charCodeAt(0)};`);

/** A report as JUnit XML: one test suite, with one test case for each check and scenario. */
export function junitXml({ image, server, outcomes }: TestReport): string {
  const count = (result: Outcome["result"]): number => outcomes.filter((each) => each.result === result).length;
  const time = outcomes.reduce((sum, { seconds }) => sum + seconds, 0).toFixed(1);
  const counts = `tests="${outcomes.length}" failures="${count("failed")}" errors="0" skipped="${count("skipped")}"`;
  const suite = `<testsuite name="${attribute(server ? `${image}, with a server` : image)}" ${counts} time="${time}">`;
  const lines = ['<?xml version="1.0" encoding="UTF-8"?>', `<testsuites ${counts} time="${time}">`, suite];
  return `${[...lines, ...outcomes.flatMap(testCase), "</testsuite>", "</testsuites>"].join("\n")}\n`;
}

function testCase({ name, promise, result, found, fault, advice, evidence, seconds }: Outcome): readonly string[] {
  const start = `<testcase classname="switchback-qemu" name="${attribute(`${name}: ${promise}`)}" time="${seconds}"`;
  if (result === "skipped") return [`${start}>`, `<skipped message="${attribute(found)}"/>`, "</testcase>"];
  if (result === "held") return [`${start}>`, `<system-out>${escaped(found)}</system-out>`, "</testcase>"];
  const text = [found, advice ?? "", evidence ?? ""].filter((part) => part !== "").join("\n");
  const failure = `<failure type="${attribute(fault ?? "")}" message="${attribute(found)}">${escaped(text)}</failure>`;
  return [`${start}>`, failure, "</testcase>"];
}
