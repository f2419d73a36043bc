import { say } from "../run.ts";
import { median } from "../statistics.ts";
import { PACE, pollsOf } from "./polls.ts";
import { measure } from "./programs.ts";
import { registerDevices } from "./registered-devices.ts";
import type { ServerUnderTest } from "./server-under-test.ts";

const DEVICES = 10_000;
const SAMPLE_MS = 5000;

/** Memory of the server while devices poll for minutes: the median of each minute. */
export async function measureMemory(server: ServerUnderTest, minutes: number): Promise<void> {
  const { client, tenant, url, program } = server;
  await client.query("DELETE FROM devices");
  await registerDevices(client, tenant, 0, DEVICES);
  const requests = await pollsOf(server, DEVICES);
  const samples: number[] = [];
  const timer = setInterval(() => void program.memoryMiB().then(({ now }) => samples.push(now)), SAMPLE_MS);
  const { statuses, p99 } = await measure({ url, seconds: minutes * 60, connections: 50, requests, rate: PACE });
  clearInterval(timer);
  const each = 60_000 / SAMPLE_MS;
  const byMinute = Array.from({ length: minutes }, (_, n) => median(samples.slice(n * each, (n + 1) * each)));
  say(`Memory in each minute of ${Math.round(PACE)} polls a second, in MiB: ${byMinute.map(Math.round).join(" ")}`);
  say(`  answers: ${JSON.stringify(statuses)}, p99 ${p99} ms`);
}
