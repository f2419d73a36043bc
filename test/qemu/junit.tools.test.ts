import { execFileSync } from "node:child_process";
import { expect, test } from "vitest";
import { junitXml } from "../../qemu/harness/junit.ts";
import type { TestReport } from "../../qemu/harness/outcome.ts";

/** Prints what a parser of XML finds, in a form that is easy to compare. */
const PARSER = `
import json, sys, xml.etree.ElementTree as tree
root = tree.fromstring(sys.stdin.buffer.read())
print(json.dumps({"root": root.tag, "counts": root.attrib, "suites": [
  {"name": s.get("name"), "cases": [
    {"name": c.get("name"), "children": [{"tag": e.tag, "attributes": e.attrib, "text": e.text} for e in c]} for c in s]}
  for s in root]}))
`;

const parsed = (xml: string): unknown => JSON.parse(execFileSync("python3", ["-c", PARSER], { input: xml }).toString());

const HOSTILE = 'a < b && "c" > \u0000\u001b[31m\ufffe\ud800 ]]>\nnext\ttab';

test("a parser of XML reads every outcome back, whatever characters a console has printed", () => {
  const report: TestReport = {
    ...{ image: "disk & more.img", artifact: "next.mender", agent: "switchback", server: true, seed: 1, ok: false },
    outcomes: [
      { name: "start", promise: "it starts", result: "held", found: "Slot A runs.", seconds: 12.5 },
      {
        ...{ name: "fallback", promise: "it goes back", result: "failed", found: HOSTILE, fault: "no-boot-counting" },
        ...{ advice: "Integrate it.", evidence: HOSTILE, seconds: 30 },
      },
      { name: "commit", promise: "it stays", result: "skipped", found: "Not run.", seconds: 0 },
    ],
  };
  const shown = 'a < b && "c" > \\x00\\x1b[31m\\xfffe\\xd800 ]]>\nnext\ttab';
  expect(parsed(junitXml(report))).toEqual({
    root: "testsuites",
    counts: { tests: "3", failures: "1", errors: "0", skipped: "1", time: "42.5" },
    suites: [
      {
        name: "disk & more.img, with a server",
        cases: [
          { name: "start: it starts", children: [{ tag: "system-out", attributes: {}, text: "Slot A runs." }] },
          {
            name: "fallback: it goes back",
            children: [
              {
                tag: "failure",
                attributes: { type: "no-boot-counting", message: shown },
                text: `${shown}\nIntegrate it.\n${shown}`,
              },
            ],
          },
          { name: "commit: it stays", children: [{ tag: "skipped", attributes: { message: "Not run." }, text: null }] },
        ],
      },
    ],
  });
});
