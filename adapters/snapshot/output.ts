import { fstatSync, write } from "node:fs";
import { Socket } from "node:net";
import { isatty } from "node:tty";
import { AgentError } from "../../src/errors/agent-error.ts";
import { deviceNumber } from "../linux/block-file.ts";

/** Standard output, for bytes. */
export interface Output {
  /** Resolves when the bytes were written. @throws {AgentError} DUMP_BROKEN */
  write(bytes: Uint8Array): Promise<void>;
  /** Ends the output: no write may follow. Releases a write that still waits for the reader. */
  close(): void;
}

/**
 * Opens a descriptor of this process to write a copy to it. Writes to a pipe do not block, so a reader that stops
 * reading blocks nothing else.
 *
 * @param frozen number of the filesystem that will be frozen
 * @throws {AgentError} DUMP_TARGET
 */
export function openOutput(fd: number, frozen: string): Output {
  if (isatty(fd)) throw new AgentError("DUMP_TARGET", { target: "a terminal" });
  refuseOn(fd, frozen);
  const stats = fstatSync(fd);
  return stats.isFIFO() || stats.isSocket() ? pipe(fd) : file(fd);
}

/** Rejects a descriptor that writes to the filesystem. @throws {AgentError} DUMP_TARGET */
export function refuseOn(fd: number, frozen: string): void {
  const stats = fstatSync(fd);
  const number = stats.isBlockDevice() ? stats.rdev : stats.dev;
  if (!stats.isCharacterDevice() && !stats.isFIFO() && !stats.isSocket() && deviceNumber(number) === frozen)
    throw new AgentError("DUMP_TARGET", { target: `the filesystem itself (descriptor ${fd})` });
}

function pipe(fd: number): Output {
  const socket = new Socket({ fd, readable: false, writable: true });
  socket.on("error", () => {
    // ignored: the failing write rejects with this error.
  });
  return {
    write: (bytes) => new Promise((resolve, reject) => socket.write(bytes, settle(resolve, reject))),
    close: () => void socket.destroy(),
  };
}

function file(fd: number): Output {
  const writeFrom = (bytes: Uint8Array, resolve: () => void, reject: (error: AgentError) => void): void =>
    write(fd, bytes, (error, count) => {
      if (error === null && count < bytes.length) writeFrom(bytes.subarray(count), resolve, reject);
      else settle(resolve, reject)(error);
    });
  return {
    write: (bytes) => new Promise((resolve, reject) => writeFrom(bytes, resolve, reject)),
    close: () => undefined,
  };
}

const settle =
  (resolve: () => void, reject: (error: AgentError) => void) =>
  (cause: Error | null | undefined): void => {
    if (cause === null || cause === undefined) resolve();
    else reject(new AgentError("DUMP_BROKEN", {}, cause));
  };
