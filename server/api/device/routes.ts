import type { NextRequestV2 } from "../../../src/protocol/api/devices.ts";
import type { Routes } from "../app-types.ts";
import type { RepeatedBodies } from "../repeated-bodies.ts";
import type { Services } from "../services.ts";
import { deviceAuthRoutes } from "./authentication/routes.ts";
import { deviceConfigurationRoutes } from "./configuration/routes.ts";
import { nextRoutes } from "./deployments/next-routes.ts";
import type { Polls } from "./deployments/poll.ts";
import { reportRoutes } from "./deployments/report-routes.ts";
import type { DeviceMemories } from "./device-memories.ts";
import { deviceInventoryRoutes } from "./inventory/routes.ts";

/** What the routes share with the lane for polls. */
export interface Shared {
  readonly memories: DeviceMemories;
  readonly polls: Polls;
  readonly bodies: RepeatedBodies<NextRequestV2>;
}

/** Everything that devices call, but for downloads. */
export const deviceRoutes = (services: Services, { memories, polls, bodies }: Shared): readonly Routes[] => [
  deviceAuthRoutes(services, memories),
  nextRoutes(services, polls, bodies),
  reportRoutes(services),
  deviceInventoryRoutes(services),
  deviceConfigurationRoutes(services),
];
