import { randomUUID } from "node:crypto";
import type { AuthRequest } from "../../../../src/protocol/api/devices.ts";
import { type PublicKey, readPublicKey } from "../../../adapters/device-keys/public-key.ts";
import { findAuthSet, findTenant, type KnownSet } from "../../../adapters/postgres/device-auth.ts";
import { addAuthSet, addDevice, setAuthSetStatus } from "../../../adapters/postgres/device-status.ts";
import { enrol, findTokenTenant, isEnrolmentToken } from "../../../adapters/postgres/enrolment.ts";
import { decide } from "../../../domain/authentication/decide.ts";
import { type Identity, readIdentity } from "../../../domain/authentication/identity.ts";
import { RecentlyUsed } from "../../../domain/recently-used.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { Services } from "../../services.ts";
import type { DeviceMemories } from "../device-memories.ts";

/** How long the token of a device is valid: Mender's week. */
const TOKEN_S = 604_800;
/** A device sends the same key each time, and to parse it costs more than to check a signature. */
const KEYS_MAX = 10_000;
const TENANTS_MAX = 1000;
/** With more requests in the queue for the database, one more would wait in vain. */
const WAITING_MAX = 500;
const BUSY_RETRY_S = 30;
const TENANT_KEPT_MS = 10_000;

interface SignedRequest {
  readonly body: AuthRequest;
  /** The bytes that the device has signed. */
  readonly raw: Buffer;
  readonly signature: string;
  /** From where it came. */
  readonly address: string;
}

/** Answers authentication requests. */
export function createAdmission({ postgres, tokens }: Services, memories: DeviceMemories) {
  const keys = new RecentlyUsed<string, PublicKey>(KEYS_MAX);
  const tenants = new RecentlyUsed<string, { readonly id: string; readonly foundAt: number }>(TENANTS_MAX);

  function keyOf(pem: string): PublicKey {
    const key = keys.get(pem) ?? readPublicKey(pem);
    if (key === undefined) throw new ServerError("REQUEST_INVALID", { in: "body/pubkey", reason: "not a usable key" });
    keys.set(pem, key);
    return key;
  }

  async function tenantOf(token: string): Promise<string> {
    const known = tenants.get(token);
    if (known !== undefined && performance.now() - known.foundAt < TENANT_KEPT_MS) return known.id;
    const id = await (isEnrolmentToken(token) ? findTokenTenant(postgres, token) : findTenant(postgres, token));
    if (id === undefined) throw new ServerError("DEVICE_NOT_ACCEPTED");
    tenants.set(token, { id, foundAt: performance.now() });
    return id;
  }

  /** What the request changes, before a person has said anything. @returns whether the device is accepted now */
  async function register(
    tenant: string,
    identity: Identity,
    key: PublicKey,
    found: KnownSet | undefined,
    { body: { tier }, address }: SignedRequest,
  ): Promise<boolean> {
    const decision = decide(found === undefined ? "unknown" : "known", found?.status ?? "unknown");
    const set = {
      id: randomUUID(),
      pubkey: key.pem,
      pubkeyHash: key.hash,
      status: "pending" as const,
      seenFrom: address,
    };
    const withTier = { ...set, ...(typeof tier === "string" && { tier }) };
    switch (decision) {
      case "addDevice":
        await postgres.inTenant(tenant, async (session) => {
          const device = { id: randomUUID(), identity: identity.attributes, identityHash: identity.hash };
          // If the same device asks twice at once, the other request makes it.
          if (await addDevice(session, tenant, device))
            await addAuthSet(session, tenant, { ...withTier, device: device.id });
        });
        return false;
      case "addSet":
        await postgres.inTenant(tenant, (session) =>
          addAuthSet(session, tenant, { ...withTier, device: found?.device ?? "" }),
        );
        return false;
      case "promote":
        return postgres.inTenant(tenant, (session) =>
          setAuthSetStatus(session, tenant, found?.device ?? "", found?.auth_set ?? "", "accepted"),
        );
      case "issue":
        return true;
      case "wait":
      case "refuse":
        return false;
    }
  }

  /** Whether a rule or a token accepts a device that waits. At the limit of devices, it goes on waiting. */
  async function mayComeIn(
    tenant: string,
    found: KnownSet | undefined,
    said: { readonly address: string; readonly token: string },
  ): Promise<boolean> {
    if (found === undefined || found.auth_set === null || found.status !== "pending") return false;
    const application = { device: found.device, authSet: found.auth_set, ...said };
    return postgres
      .inTenant(tenant, (session) => enrol(session, tenant, application))
      .catch((error: unknown) => {
        if (error instanceof ServerError && error.code === "NOT_POSSIBLE") return false;
        throw error;
      });
  }

  return {
    /**
     * @returns a token
     * @throws {ServerError} DEVICE_SIGNATURE, DEVICE_NOT_ACCEPTED, REQUEST_INVALID, TOO_MANY_REQUESTS
     */
    async admit(request: SignedRequest): Promise<string> {
      const { body, raw, signature, address } = request;
      const key = keyOf(body.pubkey);
      if (!key.hasSigned(raw, Buffer.from(signature, "base64"))) throw new ServerError("DEVICE_SIGNATURE");
      const identity = readIdentity(body.id_data);
      if (identity === undefined)
        throw new ServerError("REQUEST_INVALID", { in: "body/id_data", reason: "not a flat JSON object" });
      const tenant = await tenantOf(body.tenant_token ?? "");
      const cacheKey = `${tenant} ${identity.hash.toString("base64")} ${key.hash.toString("base64")}`;
      const issued = memories.issued(cacheKey);
      if (issued !== undefined) return issued;
      // A fleet that authenticates all at once: better a time to come back than a wait without end.
      if (postgres.usage().waiting > WAITING_MAX)
        throw new ServerError("TOO_MANY_REQUESTS", {}, { retryAfterS: BUSY_RETRY_S });
      const moment = memories.moment();
      const find = () => findAuthSet(postgres, tenant, identity.hash, key.hash);
      let found = await find();
      let isAccepted = await register(tenant, identity, key, found, request);
      if (!isAccepted && found?.status !== "rejected") {
        // Of a device that was new, or new with this key, only now it is known who it is.
        found = found?.auth_set == null ? await find() : found;
        isAccepted = await mayComeIn(tenant, found, { address, token: body.tenant_token ?? "" });
      }
      if (!isAccepted || found === undefined || found.auth_set === null) throw new ServerError("DEVICE_NOT_ACCEPTED");
      const { device, auth_set: authSet, now } = found;
      const token = await tokens.sign({ jti: authSet, sub: device, tenant, kind: "device" }, TOKEN_S, now);
      memories.keepIssued(cacheKey, token, { kind: "device", tenant, device, authSet, memory: {} }, moment);
      return token;
    },
  };
}
