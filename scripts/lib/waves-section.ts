/** What a run of `test/system/server/waves` said, if it found nothing wrong. */
export interface WavesResult {
  readonly devices: number;
  /** Lines of Markdown. */
  readonly lines: readonly string[];
}

/** Formats the section of docs/reliability.md. */
export const wavesSection = ({ devices, lines }: WavesResult, where: string): string =>
  [
    "<!-- server-waves: begin -->",
    "",
    `Measured ${where}, with ${devices.toLocaleString("en")} simulated devices in the process of the server.`,
    "",
    // A list begins after an empty line.
    ...lines.flatMap((line, index) =>
      line.startsWith("- ") && lines[index - 1]?.startsWith("- ") === false ? ["", line] : [line],
    ),
    "",
    "<!-- server-waves: end -->",
  ].join("\n");
