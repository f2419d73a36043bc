import { Worker } from "node:worker_threads";

/** Of one thread for all the files of an Artifact: a digest ends one hash and begins the next. */
export interface HashThread {
  /** Takes in `chunk`, of shared memory. @returns when the memory may be written to again */
  update(chunk: Uint8Array): Promise<void>;
  /** Of all that was taken in since the last digest, lower-case hex. */
  digest(): Promise<string>;
  /** Ends the thread, whatever it is at. Idempotent. */
  close(): Promise<void>;
}

/** Runs in the thread. Text, because a bundle has no file to name; nothing of it is of anybody else's making. */
const PROGRAM = `
const { parentPort } = require("node:worker_threads");
const { createHash } = require("node:crypto");
let hash = createHash("sha256");
parentPort.on("message", (chunk) => {
  if (chunk === null) {
    parentPort.postMessage(hash.digest("hex"));
    hash = createHash("sha256");
  } else {
    hash.update(chunk);
    parentPort.postMessage("");
  }
});
`;

interface Asked {
  resolve(answer: string): void;
  reject(reason: unknown): void;
}

/** Starts the thread, which takes some tens of milliseconds of a processor that may be idle anyway. */
export function startHashThread(): HashThread {
  const worker = new Worker(PROGRAM, { eval: true, env: {}, execArgv: [] });
  // The thread alone is no reason for the process to stay.
  worker.unref();
  const asked: Asked[] = [];
  let failure: { readonly reason: unknown } | undefined;
  let closed: Promise<void> | undefined;

  const fail = (reason: unknown): void => {
    failure ??= { reason };
    for (const { reject } of asked.splice(0)) reject(reason);
    worker.unref();
  };
  worker.on("message", (answer: string) => {
    asked.shift()?.resolve(answer);
    if (asked.length === 0) worker.unref();
  });
  worker.on("error", fail);
  worker.on("exit", () => fail(new Error("the thread that hashes has ended")));

  const ask = (chunk: Uint8Array | null): Promise<string> => {
    if (failure !== undefined) return Promise.reject(failure.reason);
    if (asked.length === 0) worker.ref();
    worker.postMessage(chunk);
    return new Promise((resolve, reject) => {
      asked.push({ resolve, reject });
    });
  };

  return {
    async update(chunk) {
      await ask(chunk);
    },
    digest: () => ask(null),
    close() {
      closed ??= worker.terminate().then(() => undefined);
      return closed;
    },
  };
}
