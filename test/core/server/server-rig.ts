import { diskActs, diskReads } from "../../../adapters/files/disk.ts";
import { authorize } from "../../../src/core/server/authorization.ts";
import { loadDeviceKey } from "../../../src/core/server/device-key.ts";
import { createSession, type Session } from "../../../src/core/server/session.ts";
import { AgentError } from "../../../src/errors/agent-error.ts";
import type { StoredValue } from "../../../src/ports/stored-value.ts";
import type { Transport } from "../../../src/ports/transport.ts";
import { client } from "../../adapters/transport/transport-rig.ts";
import { createVirtualClock, type VirtualClock } from "../../support/virtual-clock.ts";

/** Storage that outlives the session, like a file. */
export class TestMemo implements StoredValue {
  text: string | undefined;
  isBroken = false;
  isFull = false;

  async load(): Promise<string | undefined> {
    if (this.isBroken) throw new AgentError("STORE_READ");
    return this.text;
  }

  async save(text: string | undefined): Promise<void> {
    if (this.isFull) throw new AgentError("STORE_WRITE");
    this.text = text;
  }

  get content(): unknown {
    return this.text === undefined ? undefined : JSON.parse(this.text);
  }
}

export interface ServerRig {
  readonly session: Session;
  readonly clock: VirtualClock;
  readonly storedValue: TestMemo;
  readonly logged: string[];
}

/** A session with servers on real sockets and in virtual time. @param keyFile created if it is missing */
export function serverRig(
  servers: readonly string[],
  keyFile: string,
  { storedValue = new TestMemo(), tenantToken = "", transport = undefined as Transport | undefined } = {},
): ServerRig {
  const clock = createVirtualClock();
  const logged: string[] = [];
  const log = (level: string, message: string): void => void logged.push(`${level}: ${message}`);
  const parts = { transport: transport ?? client({ clock }), clock, version: "1.2.3", log };
  const credentials = {
    identity: async () => '{"mac":"00:11:22:33:44:55"}',
    key: () => loadDeviceKey({ path: keyFile, isGiven: false }, log, { acts: diskActs, reads: diskReads }),
    tenantToken,
  };
  const session = createSession({
    ...parts,
    servers,
    storedValue,
    authorize: (signal) => authorize(parts, servers, credentials, signal),
  });
  return { session, clock, storedValue, logged };
}
