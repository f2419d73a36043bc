import type { Routes } from "../app-types.ts";
import { passwordPage } from "../operations/password-page.ts";
import type { Services } from "../services.ts";
import { auditlogsRoutes } from "./auditlogs/routes.ts";
import { devauthActRoutes } from "./devauth/acts.ts";
import { devauthBulkRoutes } from "./devauth/bulk.ts";
import { devauthDeviceRoutes } from "./devauth/devices.ts";
import { enrolmentRoutes } from "./devauth/enrolment.ts";
import { inventoryDeviceRoutes } from "./inventory/devices.ts";
import { filterRoutes } from "./inventory/filters.ts";
import { groupRoutes } from "./inventory/groups.ts";
import { inventoryV2Routes } from "./inventory/v2.ts";
import { tenantadmRoutes } from "./tenantadm/routes.ts";
import { consoleSessionRoutes } from "./useradm/console-session.ts";
import { loginRoutes } from "./useradm/login.ts";
import { oidcRoutes } from "./useradm/oidc.ts";
import { passwordLinkRoutes } from "./useradm/password-links.ts";
import { planRoutes } from "./useradm/plans.ts";
import { providerRoutes } from "./useradm/providers.ts";
import { roleRoutes } from "./useradm/roles.ts";
import { secondFactorRoutes } from "./useradm/second-factor.ts";
import { sessionRoutes } from "./useradm/sessions.ts";
import { settingsRoutes } from "./useradm/settings.ts";
import { signInRoutes } from "./useradm/sign-in.ts";
import { tokenRoutes } from "./useradm/tokens.ts";
import { userRoutes } from "./useradm/users.ts";

/** What people ask about devices and about themselves. */
export const peopleRoutes = (services: Services): readonly Routes[] => [
  loginRoutes(services),
  consoleSessionRoutes(services),
  userRoutes(services),
  passwordLinkRoutes(services),
  passwordPage,
  secondFactorRoutes(services),
  signInRoutes(services),
  providerRoutes(services),
  oidcRoutes(services),
  sessionRoutes(services),
  tokenRoutes(services),
  roleRoutes(services),
  settingsRoutes(services),
  planRoutes,
  tenantadmRoutes(services),
  devauthDeviceRoutes(services),
  devauthActRoutes(services),
  devauthBulkRoutes(services),
  enrolmentRoutes(services),
  inventoryDeviceRoutes(services),
  groupRoutes(services),
  inventoryV2Routes(services),
  filterRoutes(services),
  auditlogsRoutes(services),
];
