import { readFileSync } from "node:fs";
import { load, loadAll } from "js-yaml";
import { beforeAll, describe, expect, test } from "vitest";
import { readConfig } from "../../server/config/read-config.ts";
import { environmentName, SETTINGS } from "../../server/config/settings.ts";
import { helmProgram, runHelm } from "../support/helm.ts";
import { type Manifest, mistakesOf } from "../support/kubernetes-types.ts";

const CHART = "deploy/helm";
const KNOWN = new Set(SETTINGS.map(({ key }) => environmentName(key)));

let helm: string;
beforeAll(async () => {
  helm = await helmProgram();
});

interface Container {
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly readinessProbe: { readonly httpGet: { readonly scheme: string } };
  readonly securityContext: object;
  readonly volumeMounts: readonly { readonly name: string }[];
}

interface Workload extends Manifest {
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly replicas: number;
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly volumeClaimTemplates?: readonly { readonly metadata: { readonly name: string } }[];
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly containers: readonly Container[];
        readonly volumes: readonly { readonly name: string }[];
      };
    };
  };
}

/** What an installation with these values would create. */
function render(...values: readonly string[]): readonly Manifest[] {
  const done = runHelm(helm, "template", "ota", CHART, "--namespace", "fleet", ...values);
  expect(done, done.err).toMatchObject({ status: 0 });
  return loadAll(done.out) as Manifest[];
}

const set = (...pairs: readonly string[]): readonly string[] => pairs.flatMap((pair) => ["--set-json", pair]);

const workloadOf = (manifests: readonly Manifest[]): Workload => {
  const found = manifests.find(({ kind }) => kind === "Deployment" || kind === "StatefulSet");
  if (found === undefined) throw new Error("the chart has no workload");
  return found as Workload;
};

const DATABASE = 'database={"existingSecret":"db","key":"url"}';
const BUCKET = 'storage={"bucket":"s3://ota/fleet"}';

const INSTALLATIONS: Readonly<Record<string, () => readonly string[]>> = {
  "one node": () => [],
  "three nodes": () => ["--values", `${CHART}/values-three-nodes.yaml`],
  "an external database and bucket": () =>
    set(
      DATABASE,
      BUCKET,
      'tls={"secretName":"ota-tls"}',
      'storage.existingSecret="bucket"',
      'url="https://ota.example"',
    ),
  "a volume that all servers share": () =>
    set("replicas=2", DATABASE, 'storage={"existingClaim":"shared"}', 'tls={"enabled":false}'),
  "everything that can be given": () =>
    set(
      'image={"repository":"registry.example/ota","tag":"1"}',
      'imagePullSecrets=[{"name":"pull"}]',
      'trustProxy=["10.0.0.0/8","fd00::/8"]',
      'persistence={"size":"100Gi","storageClassName":"fast"}',
      'admin={"email":"me@example.com","existingSecret":"admin"}',
      'service.annotations={"a":"b"}',
      'ingress={"enabled":true,"host":"ota.example","className":"nginx","tlsSecretName":"t","annotations":{"c":"d"}}',
      'serviceAccount.annotations={"e":"f"}',
      'nodeSelector={"disk":"ssd"}',
      'tolerations=[{"key":"ota","operator":"Exists"}]',
      'affinity={"nodeAffinity":{"requiredDuringSchedulingIgnoredDuringExecution":{"nodeSelectorTerms":[]}}}',
      'podAnnotations={"g":"h"}',
      'env=[{"name":"SWITCHBACK_ROLE","value":"all"}]',
    ),
};

for (const [title, values] of Object.entries(INSTALLATIONS))
  describe(title, () => {
    test("passes Helm's own lint", () => {
      const lint = runHelm(helm, "lint", "--strict", CHART, ...values());
      expect(lint, lint.out).toMatchObject({ status: 0 });
    });

    test("selects its own pods, and mounts only volumes that it has", () => {
      const manifests = render(...values());
      const { spec } = workloadOf(manifests);
      const { labels } = spec.template.metadata;
      const services = manifests.filter(({ kind }) => kind === "Service") as (Manifest & {
        spec: { selector: Record<string, string> };
      })[];
      for (const selector of [spec.selector.matchLabels, ...services.map((service) => service.spec.selector)])
        expect(labels).toMatchObject(selector);
      const claims = spec.volumeClaimTemplates?.map(({ metadata }) => metadata.name) ?? [];
      const there = [...spec.template.spec.volumes.map(({ name }) => name), ...claims];
      const mounted = spec.template.spec.containers.flatMap(({ volumeMounts }) => volumeMounts.map(({ name }) => name));
      expect(mounted.toSorted()).toEqual(there.toSorted());
    });

    test("gives the server settings that it accepts", async () => {
      const [container] = workloadOf(render(...values())).spec.template.spec.containers;
      const env = (container?.env ?? []).filter(({ name }) => name.startsWith("SWITCHBACK_"));
      // What comes from a secret has a value of the right kind.
      const fromSecret = { SWITCHBACK_DATABASE: "postgresql://ota@db.example/ota" } as Record<string, string>;
      const environment = Object.fromEntries(
        env.map(({ name, value }) => [name, value ?? fromSecret[name] ?? "secret"]),
      );
      const { config } = await readConfig({ flags: {}, environment, file: undefined });
      expect(config.data).toBe("/data");
      const isPlain = config.tls.kind === "off";
      expect(container?.readinessProbe.httpGet.scheme).toBe(isPlain ? "HTTP" : "HTTPS");
      const unknown = env.filter(({ name }) => !KNOWN.has(name));
      expect(unknown).toEqual([]);
    });
  });

test("one node keeps its database on a volume, and several keep nothing", () => {
  const one = workloadOf(render());
  expect([one.kind, one.spec.replicas, one.spec.volumeClaimTemplates?.length]).toEqual(["StatefulSet", 1, 1]);
  const three = workloadOf(render("--values", `${CHART}/values-three-nodes.yaml`));
  expect([three.kind, three.spec.replicas, three.spec.volumeClaimTemplates]).toEqual(["Deployment", 3, undefined]);
});

test("the command of the guide installs what the chart can render", () => {
  const guide = readFileSync("docs/guides/server-production.md", "utf8");
  const [, words = ""] = /^helm install (.*)$/m.exec(guide) ?? [];
  const done = runHelm(helm, "template", ...words.split(" "));
  expect(done, done.err).toMatchObject({ status: 0, out: expect.stringContaining("registry.example.com") });
});

test("the chart has the version of the program", () => {
  const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
  expect(load(readFileSync(`${CHART}/Chart.yaml`, "utf8"))).toMatchObject({ version, appVersion: version });
});

test("a server runs without root, and without writing to its root", () => {
  const { securityContext } = workloadOf(render()).spec.template.spec.containers[0] ?? {};
  expect(securityContext).toEqual({
    allowPrivilegeEscalation: false,
    readOnlyRootFilesystem: true,
    capabilities: { drop: ["ALL"] },
  });
});

for (const [reason, ...values] of [
  ["would have a database of its own", "replicas=2"],
  ["would have Artifacts of its own", "replicas=2", DATABASE, 'tls={"enabled":false}'],
  ["authority would be lost", DATABASE, BUCKET],
  ["Artifacts would be lost", DATABASE, 'tls={"enabled":false}'],
  ["exclude each other", 'tls={"enabled":false,"secretName":"x"}'],
  ["exclude each other", 'storage={"bucket":"s3://x","existingClaim":"y"}'],
  ["must be s3://BUCKET", 'storage={"bucket":"x"}'],
  ["needs ingress.host", 'ingress={"enabled":true}'],
] as const)
  test(`values that do not fit together are refused: ${values.join(" ")}`, () => {
    const done = runHelm(helm, "template", "ota", CHART, ...set(...values));
    expect(done.status).toBe(1);
    expect(done.err).toContain(reason);
  });

test("what any installation creates fits the schemas of Kubernetes, and mistakes in it would be found", () => {
  const all = Object.values(INSTALLATIONS).flatMap((values) => render(...values()));
  const service = { apiVersion: "v1", kind: "Service", metadata: { name: "a" } };
  const wrong = [{ port: 1, prot: 2 }, {}, { port: "http" }].map((port) => ({ ...service, spec: { ports: [port] } }));
  const mistakes = mistakesOf([...all, ...wrong]);
  expect(mistakes).toEqual([
    expect.stringMatching(/^"prot": 2/),
    expect.stringMatching(/'port' is missing/),
    expect.stringMatching(/^"port": "http"/),
  ]);
});
