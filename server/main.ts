import { pino } from "pino";
import { composeServer } from "./compose.ts";

const log = pino({ base: null });
const { app } = await composeServer({
  databaseUrl: process.env["SWITCHBACK_DATABASE"] ?? "",
  storage: process.env["SWITCHBACK_STORAGE"] ?? "objects",
  log,
});
await app.listen({ host: "127.0.0.1", port: 8080 });
