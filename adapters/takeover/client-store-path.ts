import { join } from "node:path";

/** Where the Mender client keeps its store. */
export const clientStoreIn = (datastore: string): string => join(datastore, "mender-store");
