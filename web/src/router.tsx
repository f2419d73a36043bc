import {
  createRootRoute,
  createRoute,
  createRouter,
  lazyRouteComponent,
  Outlet,
  type SearchSchemaInput,
} from "@tanstack/react-router";
import type { ReactNode } from "react";
import { Frame } from "./frame/frame.tsx";
import { SaySo } from "./parts/said.tsx";
import { t, type Word } from "./words/words.ts";

declare module "@tanstack/react-router" {
  interface StaticDataRouteOption {
    /** The name of the page. */
    readonly title?: Word;
  }
  interface Register {
    readonly router: ReturnType<typeof makeRouter>;
  }
}

const NotFound = (): ReactNode => <SaySo isPage shape="waiting" what={t("said.gone")} so={t("said.goneSo")} />;

/** The pages by their addresses. What a page filters by is in its address, and nowhere else. */
export function makeRouter(onSignedOut: () => void) {
  const root = createRootRoute({ component: Outlet });
  const frame = createRoute({
    id: "frame",
    getParentRoute: () => root,
    component: () => <Frame onSignedOut={onSignedOut} />,
  });
  const overview = createRoute({
    getParentRoute: () => frame,
    path: "/",
    staticData: { title: "overview.title" },
    component: lazyRouteComponent(() => import("./pages/overview/overview.tsx"), "Overview"),
  });
  const rollouts = createRoute({
    getParentRoute: () => frame,
    path: "/rollouts",
    staticData: { title: "rollouts.title" },
    // An address that somebody has changed by hand shows what is under way.
    validateSearch: ({
      state,
    }: { readonly state?: unknown } & SearchSchemaInput): { readonly state: "running" | "all" } => ({
      state: state === "all" ? "all" : "running",
    }),
    component: lazyRouteComponent(() => import("./pages/rollouts/rollouts.tsx"), "Rollouts"),
  });
  const rollout = createRoute({
    getParentRoute: () => frame,
    path: "/rollouts/$id",
    staticData: { title: "rollouts.title" },
    component: lazyRouteComponent(() => import("./pages/rollouts/rollout.tsx"), "RolloutPage"),
  });
  const other = createRoute({ getParentRoute: () => frame, path: "$", component: NotFound });
  return createRouter({
    routeTree: root.addChildren([frame.addChildren([overview, rollouts, rollout, other])]),
    defaultPreload: "intent",
    scrollRestoration: true,
  });
}
