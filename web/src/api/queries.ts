import { queryOptions } from "@tanstack/react-query";
import type { Attention } from "../../../src/protocol/api/overview.ts";
import type { RolloutSummary } from "../../../src/protocol/api/rollout-summaries.ts";
import type { Rollout } from "../../../src/protocol/api/rollout-views.ts";
import type { ConsoleSession } from "../../../src/protocol/api/useradm.ts";
import { type Answer, call, usePageSecret } from "./client.ts";

const ROLLOUTS = "/api/management/v2/deployments/rollouts";

export const sessionQuery = queryOptions({
  queryKey: ["session"],
  queryFn: async ({ signal }) => {
    const { data } = await call<ConsoleSession>("GET", "/api/management/v1/session", { signal });
    usePageSecret(data.csrf_token);
    return data;
  },
  retry: false,
  staleTime: Number.POSITIVE_INFINITY,
});

export const attentionQuery = queryOptions({
  queryKey: ["attention"],
  queryFn: async ({ signal }) => (await call<Attention>("GET", "/api/management/v2/attention", { signal })).data,
});

export const deviceCountQuery = (status: "accepted" | "pending") =>
  queryOptions({
    queryKey: ["devices", "count", status],
    queryFn: async ({ signal }) => {
      const path = "/api/management/v2/devauth/devices/count";
      return (await call<{ readonly count: number }>("GET", path, { query: { status }, signal })).data.count;
    },
  });

export const rolloutsQuery = (running: boolean) =>
  queryOptions({
    queryKey: ["rollouts", "list", running],
    queryFn: ({ signal }): Promise<Answer<Rollout[]>> =>
      call("GET", ROLLOUTS, { query: { per_page: 100, ...(running && { running }) }, signal }),
  });

export const summaryQuery = (id: string) =>
  queryOptions({
    queryKey: ["rollouts", "summary", id],
    queryFn: async ({ signal }) => (await call<RolloutSummary>("GET", `${ROLLOUTS}/${id}/summary`, { signal })).data,
  });
