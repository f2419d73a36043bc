import { artifactReadSchema } from "./artifact-read-schema.ts";
import { cliPage } from "./cli-page.ts";
import { errorsPage } from "./errors-page.ts";
import { statesPage } from "./states-page.ts";

/** A page that is written from the code, and how many rows of it the code gave. */
export interface Page {
  readonly path: string;
  readonly rows: number;
  readonly text: string;
}

/** Every generated page. `npm run docs` writes them, `npm run check` compares. */
export const generatedPages = async (): Promise<readonly Page[]> => [
  errorsPage(),
  statesPage(),
  artifactReadSchema(),
  await cliPage(),
];
