import type { ErrorCode } from "../../src/errors/catalogue.ts";
import { GENERATED, table } from "./markdown.ts";
import type { Page } from "./page.ts";
import { REMEDIES, SECTIONS, type Section } from "./remedies.ts";
import { SYMPTOMS, type Symptom } from "./symptoms.ts";

/** What can happen on a device: each code of these sections belongs to a symptom. */
const ON_DEVICES = new Set([
  "Updates",
  "State scripts",
  "Update modules",
  "Configuration and command line",
  "Boot loader",
  "Slots",
  "Datastore, locks and programs",
  "Downloads and network",
  "Device and server",
  "Takeover from the Mender client",
]);

/** `docs/guides/troubleshooting.md`: from a symptom to its codes and their remedies, and an index of all codes. */
export function troubleshootingPage(): Page {
  const indexed = SECTIONS.flatMap((section) => codesIn(section).map((code) => ({ code, section })));
  const explained = new Set(SYMPTOMS.flatMap(({ codes }) => codes));
  const lost = indexed.find(({ code, section }) => ON_DEVICES.has(section.title) && !explained.has(code));
  if (lost !== undefined) throw new Error(`${lost.code} belongs to no symptom`);
  const text = [
    "# Troubleshooting",
    GENERATED("`scripts/docs/troubleshooting-page.ts`, `scripts/docs/symptoms.ts` and `scripts/docs/remedies/`"),
    FIRST_STEPS,
    "## By symptom",
    SYMPTOMS.map(({ title }) => `- [${title}](#${anchor(title)})`).join("\n"),
    ...SYMPTOMS.map(entry),
    "## By code",
    "All codes, with the chapter of [Error codes](../reference/errors.md) that explains them:",
    table(
      ["Code", "Chapter"],
      indexed.toSorted((a, b) => (a.code < b.code ? -1 : 1)).map(({ code, section }) => [link(code), section.title]),
    ),
    "Next: [Error codes](../reference/errors.md), or [the states of an update](../reference/states.md)",
  ];
  return { path: "docs/guides/troubleshooting.md", rows: indexed.length, text: `${text.join("\n\n")}\n` };
}

const FIRST_STEPS = `Begin with these three steps. They change nothing on the device.

## 1. Ask the doctor

\`\`\`sh exit=1
switchback doctor
\`\`\`

\`\`\`text
…
ok       pending update: none
ok       lock: free
ok       clock: 2026-11-29T18:40:01.449Z
wrong    device type: DEVICE_TYPE_FILE: The device type file must be readable and hold one line 'device_type=<value>'. …
         -> Write a single line into it: echo device_type=TYPE > …/device_type
…
20 ok, 1 warning, 1 wrong: no update can be installed and rolled back until you correct this.
\`\`\`

Below a line that begins with \`wrong\` or \`warning\`, the next line says what to do. The exit status is 1 if an update could
not be installed and rolled back. Do what the doctor says, and ask again until nothing is wrong:

\`\`\`sh
echo device_type=my-board >/var/lib/mender/device_type
switchback doctor
\`\`\`

For a script, \`--json\` prints the same:

\`\`\`sh
switchback doctor --json | jq -r '.findings[] | select(.level == "warning") | .advice'
\`\`\`

| Key | Value |
| --- | --- |
| \`ok\` | whether nothing is wrong |
| \`findings[].area\` | \`user\`, \`configuration\`, \`slots\`, \`boot\`, \`data\`, \`agent\`, \`clock\`, \`device type\`, \`signatures\`, \`scripts\`, \`modules\`, \`identity\`, \`device key\`, \`permissions\`, \`saving\`, \`server\` |
| \`findings[].level\` | \`ok\`, \`warning\`, \`wrong\` |
| \`findings[].subject\`, \`findings[].found\` | what the doctor looked at, and what it found |
| \`findings[].advice\` | what to do about it, if it is not ok |

The doctor reports each cause once and omits the consequences: if the data partition is not mounted, it does not report
the missing files there. An unreachable server counts as wrong, and so does an update that waits for its commit.

## 2. Read the message

A command that fails prints a code, a sentence, details as \`key=value\`, and the cause:

\`\`\`sh exit=1
switchback install other-board.mender
\`\`\`

\`\`\`text
Installing artifact...
Streaming failed.
System not modified.
Could not fulfill request: DEVICE_TYPE_MISMATCH: The Artifact is not compatible with this device type. (device=my-board, artifact=other-board)
\`\`\`

Search this page for the code. If a command prints several lines, the first one is the reason. Lines that begin with
\`Failed after that:\` say what failed during the rollback.

## 3. Read the log

The agent writes its log to the journal. For more detail, add \`-l debug\` to a command:

\`\`\`sh
journalctl -u switchback -u switchback-resume
\`\`\`

The agent keeps the logs of the last five deployments in \`/var/lib/mender\`, and sends the log of a failed one to the
server.`;

const codesIn = ({ remedies }: Section): readonly ErrorCode[] =>
  Object.keys(remedies).filter((code): code is ErrorCode => code in REMEDIES);

function entry({ title, look, codes }: Symptom): string {
  const rows = codes.map((code) => [link(code), fromGuides(REMEDIES[code])]);
  return [`### ${title}`, look, ...(rows.length > 0 ? [table(["Code", "What to do"], rows)] : [])].join("\n\n");
}

const link = (code: string): string => `[\`${code}\`](../reference/errors.md#${code.toLowerCase()})`;

/** Remedies are written for a page in \`docs/reference\`. */
const fromGuides = (text: string): string =>
  text.replaceAll("](../guides/", "](").replaceAll(/\]\((?!\.\.\/|#|https?:)(?=[a-z-]+\.md)/g, "](../reference/");

const anchor = (title: string): string =>
  title
    .toLowerCase()
    .replaceAll(/[^a-z_ -]/g, "")
    .replaceAll(" ", "-");
