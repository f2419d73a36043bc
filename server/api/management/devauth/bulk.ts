import { BulkAct, BulkAnswer } from "../../../../src/protocol/api/devauth.ts";
import { setAuthSetStatus } from "../../../adapters/postgres/device-status.ts";
import { findDevice } from "../../../adapters/postgres/devices.ts";
import type { Session } from "../../../adapters/postgres/postgres.ts";
import { describeServerError, ServerError } from "../../../errors/server-error.ts";
import type { Routes } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act } from "../../guard.ts";
import type { Services } from "../../services.ts";

/** Accepts or rejects many devices. Each of them is a transaction with its own record in the audit log. */
export const devauthBulkRoutes =
  ({ postgres }: Services): Routes =>
  (app) => {
    app.post(
      "/api/management/v2/devauth/devices/bulk",
      {
        config: { auth: "user", permission: "ManageDevices" },
        schema: { body: BulkAct, response: { 200: BulkAnswer } },
      },
      async (request) => {
        const { action, device_ids } = request.body;
        const { tenant } = callingPerson(request);
        const answer: { changed: string[]; refused: { id: string; code: string; reason: string }[] } = {
          changed: [],
          refused: [],
        };
        for (const id of new Set(device_ids)) {
          try {
            await act(postgres, request, async (session) => {
              const set = await decide(session, tenant, id, action);
              return { result: undefined, acts: [{ action, object: { type: "device", id, auth_set: set } }] };
            });
            answer.changed.push(id);
          } catch (error) {
            // What concerns this device only must not keep the others waiting.
            if (!(error instanceof ServerError) || !["NOT_FOUND", "NOT_POSSIBLE"].includes(error.code)) throw error;
            answer.refused.push({ id, code: error.code, reason: describeServerError(error) });
          }
        }
        return answer;
      },
    );
  };

/** Accepts the newest key that waits, or rejects all that are not rejected. @returns a key that it changed */
async function decide(session: Session, tenant: string, id: string, action: "accept" | "reject"): Promise<string> {
  const device = await findDevice(session, tenant, id);
  if (device === undefined) throw new ServerError("NOT_FOUND", { device: id });
  const wanted = action === "accept" ? ["pending"] : ["pending", "accepted", "preauthorized"];
  const sets = device.auth_sets.filter(({ status }) => wanted.includes(status));
  const [first] = sets;
  if (first === undefined) throw new ServerError("NOT_POSSIBLE", { reason: `the device has no key to ${action}` });
  const status = action === "accept" ? "accepted" : "rejected";
  for (const set of action === "accept" ? [first] : sets) await setAuthSetStatus(session, tenant, id, set.id, status);
  return first.id;
}
