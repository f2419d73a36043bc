import { z } from "zod";
import { DownloadLimits } from "../../../../src/protocol/api/rollouts.ts";
import { readDownloadLimits, writeDownloadLimits } from "../../../adapters/postgres/download-budgets.ts";
import type { DownloadLimits as Limits } from "../../../domain/downloads/budgets.ts";
import type { App } from "../../app-types.ts";
import { callingPerson } from "../../authenticate.ts";
import { act, look } from "../../guard.ts";
import type { Services } from "../../services.ts";

const URL = "/api/management/v2/deployments/download_limits";

/** Adds the limits of a tenant for the downloads of all deployments together. */
export function addDownloadLimitRoutes(app: App, { postgres }: Services): void {
  app.get(
    URL,
    { config: { auth: "user", permission: "ReadDeployments" }, schema: { response: { 200: DownloadLimits } } },
    async (request) => {
      const { tenant } = callingPerson(request);
      return shown(await look(postgres, request, (session) => readDownloadLimits(session, tenant)));
    },
  );

  app.put(
    URL,
    {
      config: { auth: "user", permission: "ManageLimits" },
      schema: { body: DownloadLimits, response: { 204: z.undefined() } },
    },
    async (request, reply) => {
      const { tenant } = callingPerson(request);
      const { body } = request;
      await act(postgres, request, async (session) => {
        const before = shown(await readDownloadLimits(session, tenant));
        await writeDownloadLimits(session, tenant, {
          ...{ bytesPerSecond: body.bytes_per_second, siteBytesPerSecond: body.site_bytes_per_second },
          ...{ ipv4Prefix: body.ipv4_prefix, ipv6Prefix: body.ipv6_prefix },
        });
        const object = { type: "download-limits", id: tenant };
        return { result: undefined, acts: [{ action: "update", object, before, after: body }] };
      });
      return reply.status(204).send();
    },
  );
}

const shown = ({ bytesPerSecond: all, siteBytesPerSecond: each, ipv4Prefix, ipv6Prefix }: Limits): DownloadLimits => ({
  ...(all !== undefined && { bytes_per_second: all }),
  ...(each !== undefined && { site_bytes_per_second: each }),
  ...{ ipv4_prefix: ipv4Prefix, ipv6_prefix: ipv6Prefix },
});
