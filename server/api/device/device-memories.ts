import { hash } from "node:crypto";
import { findAcceptedSet } from "../../adapters/postgres/device-auth.ts";
import type { Notices } from "../../adapters/postgres/notifications.ts";
import type { Postgres } from "../../adapters/postgres/postgres.ts";
import type { Tokens } from "../../adapters/tokens/tokens.ts";
import { RecentlyUsed } from "../../domain/recently-used.ts";
import { type DeviceCaller, forgetAnswer } from "../callers.ts";

const DEVICES_MAX = 200_000;
/** How long a token is believed while no notices arrive. */
const WITHOUT_NOTICES_MS = 30_000;
/** A device that authenticates anew gets the token that it has, so that a storm costs no signatures. */
const TOKEN_REUSE_MS = 3600_000;

/** Good as long as it is registered. */
interface Known {
  readonly key: string;
  readonly caller: DeviceCaller;
}

interface KnownToken {
  readonly known: Known;
  readonly foundAt: number;
  /** Seconds since 1970. */
  readonly expiresAt: number | undefined;
}

interface IssuedToken {
  readonly known: Known;
  readonly token: string;
  readonly issuedAt: number;
}

/**
 * What this process remembers of devices, so that their requests need no database. A notice from the database makes it
 * forget a device within milliseconds of the transaction that rejects it, removes it or gives it another key.
 */
export class DeviceMemories {
  readonly #postgres: Postgres;
  readonly #tokens: Tokens;
  readonly #notices: Notices;
  readonly #devices = new RecentlyUsed<string, Known>(DEVICES_MAX);
  readonly #found = new RecentlyUsed<string, KnownToken>(DEVICES_MAX);
  readonly #issued = new RecentlyUsed<string, IssuedToken>(DEVICES_MAX);
  #heard = 0;

  constructor(postgres: Postgres, tokens: Tokens, notices: Notices) {
    this.#postgres = postgres;
    this.#tokens = tokens;
    this.#notices = notices;
    notices.subscribe((notice) => {
      if (notice?.what === "facts" && notice.device !== undefined) {
        const known = this.#devices.get(keyOf(notice.tenant, notice.device));
        if (known !== undefined) forgetAnswer(known.caller.memory);
      }
      if (notice !== undefined && notice.what !== "device") return;
      this.#heard += 1;
      if (notice === undefined) this.#devices.clear();
      else if (notice.device !== undefined) this.#devices.delete(keyOf(notice.tenant, notice.device));
    });
  }

  /** The device with this token, if it is accepted. At once if it is known. */
  find(token: string): DeviceCaller | Promise<DeviceCaller | undefined> {
    const digest = digestOf(token);
    const known = this.#foundBy(digest);
    if (known !== undefined) return known;
    this.#found.delete(digest);
    return this.#look(token, digest);
  }

  /** The device with this token, if that is certain without the database. */
  known = (token: string): DeviceCaller | undefined => this.#foundBy(digestOf(token));

  #foundBy(digest: string): DeviceCaller | undefined {
    const found = this.#found.get(digest);
    return found !== undefined && this.#isGood(found) ? found.known.caller : undefined;
  }

  async #look(token: string, digest: string): Promise<DeviceCaller | undefined> {
    const claims = await this.#tokens.verify(token);
    if (claims?.kind !== "device") return undefined;
    const { tenant, sub: device, jti: authSet } = claims;
    // It is registered before the database is asked: what happens after the answer reaches it.
    const known = this.#register({ kind: "device", tenant, device, authSet, memory: {} });
    const set = await findAcceptedSet(this.#postgres, tenant, authSet);
    if (set?.device !== device || claims.issuedAt < set.valid_from) return undefined;
    const foundAt = performance.now();
    if (!this.#isOld(known)) this.#found.set(digest, { known, foundAt, expiresAt: claims.expiresAt });
    return known.caller;
  }

  /** The token that the device with this key got a while ago, if it is still good. */
  issued(key: string): string | undefined {
    const issued = this.#issued.get(key);
    if (issued === undefined) return undefined;
    if (!this.#isOld(issued.known) && this.#notices.arrive() && performance.now() - issued.issuedAt < TOKEN_REUSE_MS)
      return issued.token;
    this.#issued.delete(key);
    return undefined;
  }

  /** The present moment, for `keepIssued`: before the database is asked. */
  moment = (): number => this.#heard;

  /** Remembers a token, unless anything has been heard since that may concern its device. */
  keepIssued(key: string, token: string, caller: DeviceCaller, moment: number): void {
    if (this.#heard !== moment) return;
    this.#issued.set(key, { known: this.#register(caller), token, issuedAt: performance.now() });
  }

  #register(caller: DeviceCaller): Known {
    const key = keyOf(caller.tenant, caller.device);
    const there = this.#devices.get(key);
    if (there?.caller.authSet === caller.authSet) return there;
    const known = { key, caller };
    this.#devices.set(key, known);
    return known;
  }

  #isOld = (known: Known): boolean => this.#devices.get(known.key) !== known;

  #isGood({ known, foundAt, expiresAt }: KnownToken): boolean {
    if (this.#isOld(known)) return false;
    if (expiresAt !== undefined && Date.now() / 1000 >= expiresAt) return false;
    return this.#notices.arrive() || performance.now() - foundAt < WITHOUT_NOTICES_MS;
  }
}

/** Digests take less memory than tokens. */
const digestOf = (token: string): string => hash("sha256", token, "base64");

const keyOf = (tenant: string, device: string): string => `${tenant} ${device}`;
