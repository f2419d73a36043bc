import { createReadStream } from "node:fs";
import { findTenant, listTenants } from "../adapters/postgres/administration.ts";
import { verifyAudit } from "../adapters/postgres/verify-audit.ts";
import { ANCHOR_MAX, ANCHOR_WORD, type Anchor, anchorsIn, anchorText } from "../domain/audit/anchors.ts";
import type { Breach, Verdict } from "../domain/audit/verdict.ts";
import { ServerError } from "../errors/server-error.ts";
import type { ServerIo } from "./io.ts";
import { configOf, type Flags, textOf } from "./options.ts";
import { withDatabase } from "./with-database.ts";

/**
 * `audit verify`: computes the hashes of all records anew.
 *
 * @throws {ServerError} AUDIT_BROKEN, with the first tenant whose log is broken; NOT_FOUND, OPTION_INVALID
 */
export async function auditVerify(flags: Flags, io: ServerIo): Promise<void> {
  const { config } = await configOf(flags, io);
  const anchors = await anchorsFrom(flags["anchors"]);
  const verdicts = await withDatabase(config, "audit verify", io, async (postgres) => {
    const name = textOf(flags, "tenant");
    const tenants = await postgres.shared(async (session) =>
      name === undefined ? listTenants(session) : [await findTenant(session, name)],
    );
    const found: (Verdict & { readonly tenant: string; readonly id: string })[] = [];
    for (const { id, name: tenant } of tenants) {
      const verdict = await postgres.inTenant(id, (session) => verifyAudit(session, id, anchors));
      found.push({ ...verdict, tenant, id });
    }
    return found;
  });
  for (const { tenant, id, records, head, broken } of verdicts) {
    const anchor = anchorText({ tenant: id, seq: records, hash: head });
    const compared = anchors.filter((one) => one.tenant === id).length;
    if (flags["json"] === true)
      io.out(
        JSON.stringify({
          ...{ tenant, valid: broken === undefined, records, head, anchor, anchors: compared },
          ...(broken !== undefined && { broken_at: broken.at, breach: broken.breach }),
        }),
      );
    else if (broken === undefined) {
      io.out(
        `${tenant}: all ${records} records are as they were written; ${compared} ${compared === 1 ? "anchor agrees" : "anchors agree"}.`,
      );
      io.out(anchor);
    } else io.out(`${tenant}: record ${broken.at}: ${SENTENCES[broken.breach]}`);
  }
  const first = verdicts.find(({ broken }) => broken !== undefined);
  if (first?.broken !== undefined)
    throw new ServerError("AUDIT_BROKEN", {
      tenant: first.tenant,
      record: first.broken.at,
      breach: first.broken.breach,
    });
}

const SENTENCES: Readonly<Record<Breach, string>> = {
  CHANGED: "it was changed after it was written.",
  MISSING: "it is missing, or records are not in their order.",
  CUT: "it and all later records were cut off.",
  REWRITTEN: "from here on, the log was written anew.",
};

/** The anchors in files of any kind: logs, backups, what an earlier check has printed. */
async function anchorsFrom(files: unknown): Promise<readonly Anchor[]> {
  const found: Anchor[] = [];
  for (const file of Array.isArray(files) ? files.map(String) : []) {
    const before = found.length;
    let rest = "";
    try {
      for await (const chunk of createReadStream(file, { encoding: "latin1" })) {
        const text = rest + String(chunk);
        // An anchor, or the word with which one begins, may go on in the next chunk.
        const last = text.lastIndexOf(ANCHOR_WORD);
        const cut =
          last >= 0 && text.length - last <= ANCHOR_MAX ? last : Math.max(0, text.length - ANCHOR_WORD.length);
        found.push(...anchorsIn(text.slice(0, cut)));
        rest = text.slice(cut);
      }
    } catch (cause) {
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ServerError("OPTION_INVALID", { option: "--anchors", reason }, { cause });
    }
    found.push(...anchorsIn(rest));
    if (found.length === before)
      throw new ServerError("OPTION_INVALID", { option: "--anchors", file, reason: "it has no anchors" });
  }
  return found;
}
