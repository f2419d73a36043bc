/**
 * A bare Fastify route, for `npm run bench:server`: finds a token in memory and answers 204. With a second argument, the
 * URL of a database, it also reads one row by its key.
 *
 *   node scripts/run.mjs bench-bare-route PORT [DATABASE_URL]
 */
import fastify from "fastify";
import pg from "pg";

const [port = "0", database] = process.argv.slice(2);
const tokens = new Map<string, string>();
const pool = database === undefined ? undefined : new pg.Pool({ connectionString: database, max: 10 });
const ids =
  pool === undefined
    ? []
    : (await pool.query("SELECT id FROM bench_rows LIMIT 1000")).rows.map(({ id }) => id as string);
const ROW = { name: "row", text: "SELECT * FROM bench_rows WHERE id = $1" };

const app = fastify();
app.post("/api/devices/v2/deployments/device/deployments/next", async (request, reply) => {
  const token = request.headers.authorization ?? "";
  const known = tokens.get(token) ?? ids[tokens.size % Math.max(1, ids.length)] ?? token;
  tokens.set(token, known);
  if (pool !== undefined) await pool.query({ ...ROW, values: [known] });
  return reply.status(204).send();
});
await app.listen({ host: "127.0.0.1", port: Number(port) });
process.stdout.write("ready\n");
process.once("SIGTERM", () => process.exit(0));
