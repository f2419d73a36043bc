import { randomUUID } from "node:crypto";

/** A status with which a deployment ends. */
const FINAL = ["success", "failure", "already-installed"] as const;

/** One deployment, with everything that the device has told about it. */
export class Deployment {
  readonly id = randomUUID();
  /** Name of the Artifact, and the address under which the device gets it. */
  readonly artifact: string;
  readonly url: string;
  readonly deviceTypes: readonly string[];
  /** In the order of their arrival; a repeated report counts once. */
  readonly statuses: string[] = [];
  /** Lines of the log that the device has sent. */
  log: readonly string[] | undefined;
  isAborted = false;
  /** Whether the device has asked for another deployment after the end of this one. */
  isLeft = false;

  constructor(artifact: string, url: string, deviceTypes: readonly string[]) {
    this.artifact = artifact;
    this.url = url;
    this.deviceTypes = deviceTypes;
  }

  get end(): "success" | "failure" | "already-installed" | "aborted" | undefined {
    return this.isAborted ? "aborted" : FINAL.find((status) => this.statuses.includes(status));
  }

  /** Whether the device runs the new system, as far as it has told. */
  get isOnTrial(): boolean {
    return this.statuses.includes("rebooting");
  }

  report(status: string): void {
    if (this.statuses.at(-1) !== status) this.statuses.push(status);
  }

  /** The body of the answer that offers it. */
  offer(): unknown {
    return {
      id: this.id,
      artifact: {
        id: this.id,
        artifact_name: this.artifact,
        source: { uri: this.url, expire: new Date(Date.now() + 24 * 3600 * 1000).toISOString() },
        device_types_compatible: this.deviceTypes,
      },
    };
  }
}
