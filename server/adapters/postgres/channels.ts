import { randomUUID } from "node:crypto";
import { ServerError } from "../../errors/server-error.ts";
import { requireAccepted, type Signed } from "./channel-signatures.ts";
import { deployChannel } from "./continuous-deployments.ts";
import { writeEvent } from "./events.ts";
import type { Deciding } from "./group-tables.ts";
import type { Session } from "./postgres.ts";

export interface Channel {
  readonly name: string;
  readonly description: string;
  readonly after: string | null;
  readonly keys: readonly string[] | null;
  readonly approvals: number;
  readonly release: string | null;
  readonly released_at: Date | null;
}

export interface Promotion {
  readonly id: string;
  readonly channel: string;
  readonly release: string;
  readonly state: "waiting" | "done" | "rejected" | "superseded";
  readonly note: string;
  readonly by: Deciding;
  readonly approved: readonly Deciding[];
  readonly rejected_by: Deciding | null;
  readonly created_at: Date;
  readonly decided_at: Date | null;
}

const CHANNELS_MAX = 50;
const COLUMNS = "name, description, after, keys, approvals, release, released_at";
const PROMOTION = "id, channel, release, state, note, by, approved, rejected_by, created_at, decided_at";

export function listChannels(session: Session, tenant: string): Promise<Channel[]> {
  return session.raw<Channel & Record<string, unknown>>(
    `SELECT ${COLUMNS} FROM channels WHERE tenant_id = $1 ORDER BY created_at, name`,
    [tenant],
  );
}

/** @throws {ServerError} NOT_FOUND */
export async function findChannel(session: Session, tenant: string, name: string): Promise<Channel> {
  const channel = (await listChannels(session, tenant)).find((one) => one.name === name);
  if (channel === undefined) throw new ServerError("NOT_FOUND", { channel: name });
  return channel;
}

/**
 * Makes a channel, or replaces the policy of one that is there. Its release stays, even if the policy would refuse it.
 *
 * @returns the channel as it was; `undefined`: it is new
 * @throws {ServerError} NOT_POSSIBLE for a key or a channel that is not there
 */
export async function writeChannel(
  session: Session,
  tenant: string,
  { name, description, after, keys, approvals }: Omit<Channel, "release" | "released_at">,
): Promise<Channel | undefined> {
  await lockChannels(session, tenant);
  const all = await listChannels(session, tenant);
  if (after !== null && !all.some((one) => one.name === after))
    throw new ServerError("NOT_POSSIBLE", { channel: after, reason: "there is no such channel" });
  if (isBehind(all, name, after)) throw new ServerError("NOT_POSSIBLE", { reason: "the channels wait for each other" });
  const known = await session.raw<{ name: string }>("SELECT name FROM signing_keys WHERE tenant_id = $1", [tenant]);
  const missing = keys?.find((key) => !known.some((one) => one.name === key));
  if (missing !== undefined) throw new ServerError("NOT_POSSIBLE", { key: missing, reason: "there is no such key" });
  const before = all.find((one) => one.name === name);
  if (before === undefined && all.length >= CHANNELS_MAX)
    throw new ServerError("NOT_POSSIBLE", { reason: `more than ${CHANNELS_MAX} channels` });
  await session.raw(
    `INSERT INTO channels (tenant_id, name, description, after, keys, approvals) VALUES ($1, $2, $3, $4, $5, $6)
      ON CONFLICT (tenant_id, name) DO UPDATE SET description = excluded.description, after = excluded.after,
        keys = excluded.keys, approvals = excluded.approvals`,
    [tenant, name, description, after, keys, approvals],
  );
  return before;
}

/** Whether a channel would come before itself. */
function isBehind(all: readonly Channel[], name: string, after: string | null): boolean {
  for (let at = after, steps = 0; at !== null && steps <= all.length; steps += 1) {
    if (at === name) return true;
    at = all.find((one) => one.name === at)?.after ?? null;
  }
  return false;
}

/** @throws {ServerError} NOT_FOUND; CONFLICT while another channel comes after it, or a continuous deployment follows it */
export async function removeChannel(session: Session, tenant: string, name: string): Promise<void> {
  await lockChannels(session, tenant);
  const all = await listChannels(session, tenant);
  if (!all.some((one) => one.name === name)) throw new ServerError("NOT_FOUND", { channel: name });
  const next = all.find(({ after }) => after === name);
  if (next !== undefined)
    throw new ServerError("CONFLICT", { channel: next.name, reason: "a channel comes after this one" });
  const [used] = await session.raw<{ name: string }>(
    "SELECT name FROM continuous_deployments WHERE tenant_id = $1 AND channel = $2 LIMIT 1",
    [tenant, name],
  );
  if (used !== undefined)
    throw new ServerError("CONFLICT", { continuous: used.name, reason: "a continuous deployment follows it" });
  await session.raw("DELETE FROM channels WHERE tenant_id = $1 AND name = $2", [tenant, name]);
}

/** A page of what was brought into a channel, the newest first, and how many there are. */
export async function listPromotions(
  session: Session,
  tenant: string,
  channel: string,
  { offset, limit }: { readonly offset: number; readonly limit: number },
): Promise<{ readonly promotions: Promotion[]; readonly total: number }> {
  await findChannel(session, tenant, channel);
  const rows = await session.raw<Promotion & { total: number } & Record<string, unknown>>(
    `SELECT ${PROMOTION}, count(*) OVER () AS total FROM promotions p
      WHERE tenant_id = $1 AND channel = $2 AND ($5::text[] IS NULL OR EXISTS (SELECT FROM releases r
        WHERE r.tenant_id = p.tenant_id AND r.name = p.release AND r.tags && $5))
      ORDER BY created_at DESC, id OFFSET $3 LIMIT $4`,
    [tenant, channel, offset, limit, session.sight.tags ?? null],
  );
  return { promotions: rows, total: rows[0]?.total ?? 0 };
}

/**
 * Brings a release into a channel: at once, or when enough people have approved it. What waits there waits no longer.
 * Continuous deployments follow. The caller has called `lockTargets`.
 *
 * @throws {ServerError} NOT_FOUND; NOT_POSSIBLE without such a release in sight, or if it was not in the channel before;
 * SIGNATURE_REFUSED
 */
export async function promote(
  session: Session,
  tenant: string,
  channelName: string,
  { release, note, by }: { readonly release: string; readonly note: string; readonly by: Deciding },
): Promise<Promotion> {
  await lockChannels(session, tenant);
  const channel = await findChannel(session, tenant, channelName);
  await requirePossible(session, tenant, channel, release);
  await session.raw(
    `UPDATE promotions SET state = 'superseded', decided_at = now()
      WHERE tenant_id = $1 AND channel = $2 AND state = 'waiting'`,
    [tenant, channelName],
  );
  const id = randomUUID();
  await session.raw(
    `INSERT INTO promotions (tenant_id, id, channel, release, state, note, by, created_at)
      VALUES ($1, $2, $3, $4, 'waiting', $5, $6, clock_timestamp())`,
    [tenant, id, channelName, release, note, JSON.stringify(by)],
  );
  if (channel.approvals === 0) await finish(session, tenant, channel, { id, release });
  return findPromotion(session, tenant, channelName, id);
}

/**
 * Approves or rejects what waits. The policy is asked again: it may have changed.
 *
 * @throws {ServerError} NOT_FOUND; NOT_POSSIBLE if it does not wait, or as `promote`; OWN_PROMOTION; SIGNATURE_REFUSED
 */
export async function decide(
  session: Session,
  tenant: string,
  channelName: string,
  { id, isApproved, by }: { readonly id: string; readonly isApproved: boolean; readonly by: Deciding },
): Promise<Promotion> {
  await lockChannels(session, tenant);
  const channel = await findChannel(session, tenant, channelName);
  const waiting = await findPromotion(session, tenant, channelName, id);
  if (waiting.state !== "waiting") throw new ServerError("NOT_POSSIBLE", { promotion: id, state: waiting.state });
  if (!isApproved) {
    await session.raw(
      `UPDATE promotions SET state = 'rejected', rejected_by = $3, decided_at = now() WHERE tenant_id = $1 AND id = $2`,
      [tenant, id, JSON.stringify(by)],
    );
    return findPromotion(session, tenant, channelName, id);
  }
  if ([waiting.by, ...waiting.approved].some((person) => person.id === by.id))
    throw new ServerError("OWN_PROMOTION", { promotion: id });
  await requirePossible(session, tenant, channel, waiting.release);
  const approved = [...waiting.approved, by];
  await session.raw("UPDATE promotions SET approved = $3 WHERE tenant_id = $1 AND id = $2", [
    ...[tenant, id, JSON.stringify(approved)],
  ]);
  if (approved.length >= channel.approvals) await finish(session, tenant, channel, waiting);
  return findPromotion(session, tenant, channelName, id);
}

async function finish(
  session: Session,
  tenant: string,
  { name: channel, release: before }: Channel,
  { id, release }: Pick<Promotion, "id" | "release">,
): Promise<void> {
  await session.raw("UPDATE promotions SET state = 'done', decided_at = now() WHERE tenant_id = $1 AND id = $2", [
    ...[tenant, id],
  ]);
  await session.raw("UPDATE channels SET release = $3, released_at = now() WHERE tenant_id = $1 AND name = $2", [
    ...[tenant, channel, release],
  ]);
  const data = { id, channel, release, ...(before !== null && { before }) };
  await writeEvent(session, tenant, { type: "release-promoted", data });
  await deployChannel(session, tenant, channel, release);
}

/** @throws {ServerError} NOT_FOUND if there is none in sight */
async function findPromotion(session: Session, tenant: string, channel: string, id: string): Promise<Promotion> {
  const [row] = await session.raw<Promotion & Record<string, unknown>>(
    `SELECT ${PROMOTION} FROM promotions p WHERE tenant_id = $1 AND channel = $2 AND id = $3
      AND ($4::text[] IS NULL OR EXISTS (SELECT FROM releases r
        WHERE r.tenant_id = p.tenant_id AND r.name = p.release AND r.tags && $4))`,
    [tenant, channel, id, session.sight.tags ?? null],
  );
  if (row === undefined) throw new ServerError("NOT_FOUND", { promotion: id });
  return row;
}

/** @throws {ServerError} NOT_POSSIBLE, SIGNATURE_REFUSED */
async function requirePossible(session: Session, tenant: string, channel: Channel, release: string): Promise<void> {
  // No artifact joins or leaves the release meanwhile.
  const found = await session.raw(
    "SELECT FROM releases WHERE tenant_id = $1 AND name = $2 AND ($3::text[] IS NULL OR tags && $3) FOR UPDATE",
    [tenant, release, session.sight.tags ?? null],
  );
  if (found.length === 0) throw new ServerError("NOT_POSSIBLE", { release, reason: "there is no such release" });
  if (channel.after !== null) {
    const was = await session.raw(
      "SELECT FROM promotions WHERE tenant_id = $1 AND channel = $2 AND release = $3 AND state = 'done' LIMIT 1",
      [tenant, channel.after, release],
    );
    if (was.length === 0)
      throw new ServerError("NOT_POSSIBLE", {
        release,
        channel: channel.after,
        reason: "it has not been in this channel",
      });
  }
  const artifacts = await session.raw<Signed & Record<string, unknown>>(
    "SELECT id, signed_by FROM artifacts WHERE tenant_id = $1 AND name = $2 ORDER BY id",
    [tenant, release],
  );
  for (const artifact of artifacts) requireAccepted(channel, artifact);
}

async function lockChannels(session: Session, tenant: string): Promise<void> {
  await session.raw("SELECT pg_advisory_xact_lock(hashtextextended($1, 7))", [tenant]);
}
