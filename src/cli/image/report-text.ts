import { sizeText } from "../../../image/inspect/findings/say.ts";
import type {
  AgentReport,
  BootloaderReport,
  ImageFinding,
  ImageReport,
  ReportedPartition,
  RootSystem,
} from "../../../image/inspect/report.ts";

/** The variables that choose the slot; `--json` prints all of them. */
const SHOWN = ["mender_boot_part", "upgrade_available", "bootcount", "bootlimit"];
const LABELS: Readonly<Record<BootloaderReport["kind"], string>> = {
  uboot: "U-Boot",
  grub: "GRUB",
  "systemd-boot": "systemd-boot",
  "rpi-tryboot": "Raspberry Pi's tryboot",
};
const AGENTS: Readonly<Record<AgentReport["name"], string>> = { switchback: "Switchback", mender: "Mender client" };

/** The report for people. */
export function* reportLines(report: ImageReport): Generator<string> {
  const { path, kind, size, compression, table, partitions, systems, bootloader, deviceType, artifact } = report;
  const packed = compression === undefined ? "" : `, ${compression}`;
  yield `${path}: ${kind}, ${sizeText(size)}${packed}`;
  if (table !== undefined) yield `Partition table: ${table.label}, ${table.id}, sectors of ${table.sectorSize} bytes`;
  yield* grid([COLUMNS, ...partitions.map(row)]);
  for (const system of systems) yield* systemLines(system);
  if (bootloader !== undefined) yield* bootLines(bootloader);
  if (deviceType !== undefined) yield `Device type: ${deviceType}`;
  if (artifact !== undefined) yield `Artifact: ${artifact.name} (${artifact.from})`;
  yield "";
  for (const finding of report.findings) yield* findingLines(finding);
  const count = (level: ImageFinding["level"]): number =>
    report.findings.filter((finding) => finding.level === level).length;
  yield `${count("ok")} ok, ${count("warning")} warning, ${count("wrong")} wrong: ${report.ok ? CAN : CANNOT}`;
}

const CAN = "a device with this image can install an update and roll it back.";
const CANNOT = "correct this before you put the image on a device.";
const COLUMNS = ["", "use", "start", "size", "type", "file system", "label", "used", "UUID"];

function row({ number, role, offset, size, type, fileSystem, name, container }: ReportedPartition): readonly string[] {
  const { used, label, uuid } = fileSystem ?? {};
  const kind = container === true ? "extended" : (fileSystem?.type ?? "none");
  return [
    ...[number === 0 ? "" : String(number), role ?? "", sizeText(offset), sizeText(size)],
    // The full GUID says less than its first part to people who know it, and nothing to all others.
    ...[type.slice(0, 8), kind, label ?? name ?? "", used === undefined ? "" : sizeText(used), uuid ?? ""],
  ];
}

function* grid(rows: readonly (readonly string[])[]): Generator<string> {
  const widths = rows[0]?.map((_, column) => Math.max(...rows.map((cells) => cells[column]?.length ?? 0))) ?? [];
  for (const cells of rows)
    yield `  ${cells.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ")}`.trimEnd();
}

function* systemLines({ partition, os, artifactName, agents, node }: RootSystem): Generator<string> {
  const where = partition === 0 ? "" : ` in partition ${partition}`;
  yield `System${where}: ${os ?? "unknown"}${artifactName === undefined ? "" : `, ${artifactName}`}`;
  for (const { name, version, path, unit } of agents) {
    const start = unit === undefined ? "" : `, started by ${unit}`;
    yield `  Agent: ${AGENTS[name]} ${version ?? "of unknown version"}, ${path}${start}`;
  }
  if (node !== undefined) yield `  Node: ${node.version ?? "of unknown version"}, ${node.path}`;
}

function* bootLines({ kind, boots, environment }: BootloaderReport): Generator<string> {
  const slot = boots?.slot === undefined ? "" : `slot ${boots.slot}, `;
  const next =
    boots === undefined ? "" : `, boots ${slot}partition ${boots.partition}${boots.trial ? ", on trial" : ""}`;
  yield `Boot loader: ${LABELS[kind]}${next}`;
  if (environment === undefined) return;
  for (const { place, valid } of environment.copies) yield `  Environment: ${place}: ${valid ? "valid" : "not valid"}`;
  for (const name of SHOWN) {
    const value = environment.variables[name];
    if (value !== undefined) yield `    ${name}=${value}`;
  }
}

function findingLines({ level, subject, found, advice }: ImageFinding): readonly string[] {
  const first = `${level.padEnd(7)}  ${subject}: ${found}`;
  return advice === undefined ? [first] : [first, `         -> ${advice}`];
}
