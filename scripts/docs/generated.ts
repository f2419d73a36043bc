import { artifactReadSchema } from "./artifact-read-schema.ts";
import { cliPage } from "./cli-page.ts";
import { errorsPage } from "./errors-page.ts";
import { fleetPage } from "./fleet-page.ts";
import type { Page } from "./page.ts";
import { serverApiPage } from "./server-api-page.ts";
import { serverConfigPage } from "./server-config-page.ts";
import { serverErrorsPage } from "./server-errors-page.ts";
import { statesPage } from "./states-page.ts";
import { troubleshootingPage } from "./troubleshooting-page.ts";
import { yoctoVariablesJson, yoctoVariablesPage } from "./yocto-variables.ts";

/** Every generated page. `npm run docs` writes them, and `npm run check` compares them. */
export const generatedPages = async (): Promise<readonly Page[]> => [
  errorsPage(),
  statesPage(),
  troubleshootingPage(),
  artifactReadSchema(),
  await cliPage(),
  await fleetPage(),
  await serverConfigPage(),
  serverErrorsPage(),
  await serverApiPage(),
  yoctoVariablesPage(),
  yoctoVariablesJson(),
];
