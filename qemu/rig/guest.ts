import ssh2, { type Client } from "ssh2";

export interface CommandResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** How to log in to a system. */
export interface Access {
  readonly user: string;
  /** A private key, in the format of OpenSSH or PEM. Default: no password. */
  readonly key?: string | undefined;
}

const ROOT: Access = { user: "root" };

/** A shell in the running system, over one connection. */
export class Guest {
  readonly #client: Client;

  private constructor(client: Client) {
    this.#client = client;
  }

  /** @throws if the guest does not answer within `ms` */
  static connect(port: number, ms: number, access: Access = ROOT): Promise<Guest> {
    return new Promise((resolve, reject) => {
      const client = new ssh2.Client();
      const timer = setTimeout(() => {
        client.destroy();
        reject(new Error("no answer from ssh"));
      }, ms);
      client.on("ready", () => {
        clearTimeout(timer);
        resolve(new Guest(client));
      });
      client.on("error", (error) => {
        clearTimeout(timer);
        reject(error);
      });
      client.connect({
        host: "127.0.0.1",
        port,
        username: access.user,
        ...(access.key === undefined ? { password: "" } : { privateKey: access.key }),
        readyTimeout: ms,
        keepaliveInterval: 0,
      });
    });
  }

  /** Runs a line of shell. Rejects if the connection ends first. */
  run(command: string, stdin?: string | Uint8Array): Promise<CommandResult> {
    return new Promise((resolve, reject) => {
      const lost = (): void => reject(new Error(`the connection ended in: ${command}`));
      this.#client.once("close", lost);
      this.#client.exec(command, (error, channel) => {
        if (error !== undefined) {
          this.#client.off("close", lost);
          reject(error);
          return;
        }
        let stdout = "";
        let stderr = "";
        let code = -1;
        channel.setEncoding("utf8");
        channel.on("data", (text: string) => {
          stdout += text;
        });
        channel.stderr.setEncoding("utf8").on("data", (text: string) => {
          stderr += text;
        });
        channel.on("exit", (status: number | null) => {
          code = status ?? -1;
        });
        channel.on("close", () => {
          this.#client.off("close", lost);
          resolve({ code, stdout, stderr });
        });
        channel.end(stdin ?? "");
      });
    });
  }

  /** @throws {Error} with the output if the command does not exit with 0 */
  async must(command: string, stdin?: string | Uint8Array): Promise<string> {
    const { code, stdout, stderr } = await this.run(command, stdin);
    if (code === 0) return stdout;
    throw new Error(`in the guest, "${command}" ended with ${code}:\n${stdout}${stderr}`);
  }

  async put(path: string, content: string | Uint8Array, mode = "644"): Promise<void> {
    await this.must(`cat >'${path}' && chmod ${mode} '${path}' && sync '${path}'`, content);
  }

  close(): void {
    this.#client.destroy();
  }
}
