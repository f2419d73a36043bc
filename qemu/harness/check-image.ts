import { sizeText } from "../../image/inspect/findings/say.ts";
import type { ImageFinding, ImageReport } from "../../image/inspect/report.ts";
import { openArtifact } from "../../src/artifact/reader.ts";
import { openArtifactFile } from "../../src/artifact/sign-artifact.ts";
import { AgentError, describeError } from "../../src/errors/agent-error.ts";
import type { AgentName } from "./agent-commands.ts";
import { FAULTS, type Fault } from "./faults.ts";
import type { Outcome } from "./outcome.ts";

/** The Artifact that a test installs. */
export interface NextArtifact {
  readonly name: string;
  readonly deviceTypes: readonly string[];
  /** Bytes that it writes into a slot. */
  readonly sizeBytes: number;
}

const CHUNK_BYTES = 1024 * 1024;

/** Reads an Artifact to its end, with all checksums. @throws {AgentError} the codes of `openArtifact` */
export async function readNext(path: string, signal: AbortSignal): Promise<NextArtifact> {
  const reader = await openArtifact(await openArtifactFile(path, signal));
  try {
    const chunk = Buffer.allocUnsafe(CHUNK_BYTES);
    let sizeBytes = 0;
    for (let payload = await reader.nextPayload(); payload !== undefined; payload = await reader.nextPayload()) {
      for (let file = await payload.next(); file !== undefined; file = await payload.next()) {
        for (let count = await file.read(chunk); count > 0; count = await file.read(chunk)) sizeBytes += count;
      }
    }
    await reader.finish();
    return { name: reader.info.name, deviceTypes: reader.info.deviceTypes, sizeBytes };
  } finally {
    await reader.close();
  }
}

interface Check {
  readonly name: string;
  readonly promise: string;
  readonly fault: Fault;
  /** Subjects of the findings of `image inspect` that belong to it. */
  readonly subjects: RegExp;
  /** Whether a warning fails it, too. */
  readonly isStrict?: true;
}

/** What `image inspect` shows before anything starts, in the order of the report. */
const CHECKS: readonly Check[] = [
  {
    name: "image-slots",
    promise: "the image has two slots of the same size, which mender.conf names",
    fault: "slots-differ",
    subjects: /^(?:two slots|slots in mender\.conf|system in a slot)$/,
  },
  {
    name: "image-boot",
    promise: "the boot loader has a valid environment where the agent looks for it, and boots a slot",
    fault: "environment-place",
    subjects: /^(?:boot environment|boot loader.*)$/,
  },
  {
    name: "image-data",
    promise: "the agent's data is on a partition that an update does not replace",
    fault: "data-not-mounted",
    subjects: /^(?:data partition|\/etc\/fstab|device type)$/,
  },
  {
    name: "image-agent",
    promise: "one agent is in the image, with everything that it needs",
    fault: "agent-missing",
    subjects: /^(?:agent|second agent|Node|configuration|server certificate|verification key)$/,
  },
  {
    name: "image-service",
    promise: "a unit of systemd starts the agent",
    fault: "agent-not-started",
    subjects: /^service$/,
    isStrict: true,
  },
];

/** Judges an image and an Artifact before anything starts. */
export function checkImage(report: ImageReport, next: NextArtifact | AgentError, agent: AgentName): readonly Outcome[] {
  const known = CHECKS.map((check) =>
    outcomeOf(
      check,
      report.findings.filter(({ subject }) => check.subjects.test(subject)),
    ),
  );
  const others = report.findings.filter(({ subject }) => !CHECKS.some(({ subjects }) => subjects.test(subject)));
  const rest = outcomeOf(
    { name: "image", promise: "the image can be read", fault: "image-unusable", subjects: /^/ },
    others,
  );
  return [rest, ...known, checkPresence(report, agent), checkArtifact(report, next)].filter(
    (each) => each !== undefined,
  );
}

function outcomeOf({ name, promise, fault, isStrict }: Check, findings: readonly ImageFinding[]): Outcome {
  const bad = findings.filter(({ level }) => level === "wrong" || (isStrict && level === "warning"));
  const shown = bad.length > 0 ? bad : findings.filter(({ level }) => level === "ok");
  const found = shown.map((each) => `${each.subject}: ${each.found}`).join("; ");
  if (bad.length === 0)
    return { name, promise, result: "held", found: found === "" ? "Nothing is wrong." : found, seconds: 0 };
  const advice = bad.flatMap((each) => each.advice ?? []).join(" ");
  return { name, promise, result: "failed", found, fault, advice: advice === "" ? FAULTS[fault] : advice, seconds: 0 };
}

/** Whether the agent that the test calls is the one in the image. */
function checkPresence({ systems }: ImageReport, agent: AgentName): Outcome | undefined {
  const agents = systems[0]?.agents ?? [];
  if (agents.length === 0 || agents.some(({ name }) => name === agent)) return undefined;
  const there = agents.map(({ path }) => path).join(" and ");
  return {
    ...{ name: "image-agent-choice", promise: "the agent of --agent is in the image", result: "failed", seconds: 0 },
    ...{ found: `--agent is ${agent}, and the image has ${there}.`, fault: "agent-missing" },
    advice: `Use --agent ${agents[0]?.name}.`,
  };
}

function checkArtifact({ deviceType, partitions }: ImageReport, next: NextArtifact | AgentError): Outcome {
  const base = {
    name: "artifact",
    promise: "the Artifact is sound, for this device, and fits into a slot",
    seconds: 0,
  };
  const fails = (fault: Fault, found: string): Outcome => ({
    ...base,
    result: "failed",
    found,
    fault,
    advice: FAULTS[fault],
  });
  if (next instanceof AgentError) return fails("artifact-unusable", describeError(next));
  const { name, deviceTypes, sizeBytes } = next;
  if (deviceType !== undefined && !deviceTypes.includes(deviceType)) {
    return fails(
      "artifact-unusable",
      `'${name}' is for ${deviceTypes.join(" and ")}, and the image is of type ${deviceType}.`,
    );
  }
  const slots = partitions.filter(({ role }) => role === "A" || role === "B");
  const small = slots.find(({ size }) => size < sizeBytes);
  if (small !== undefined) {
    const found = `'${name}' writes ${sizeText(sizeBytes)}, and slot ${small.role}, partition ${small.number}, has ${sizeText(small.size)}.`;
    return fails("slot-too-small", found);
  }
  return { ...base, result: "held", found: `'${name}' writes ${sizeText(sizeBytes)}.` };
}
