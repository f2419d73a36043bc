import type { Routes } from "../app-types.ts";
import type { Services } from "../services.ts";
import { deviceAuthRoutes } from "./authentication/routes.ts";
import { deviceConfigurationRoutes } from "./configuration/routes.ts";
import { nextRoutes } from "./deployments/next-routes.ts";
import { reportRoutes } from "./deployments/report-routes.ts";
import type { DeviceMemories } from "./device-memories.ts";
import { deviceInventoryRoutes } from "./inventory/routes.ts";

/** Everything that devices call, but for downloads. */
export const deviceRoutes = (services: Services, memories: DeviceMemories): readonly Routes[] => [
  deviceAuthRoutes(services, memories),
  nextRoutes(services),
  reportRoutes(services),
  deviceInventoryRoutes(services),
  deviceConfigurationRoutes(services),
];
