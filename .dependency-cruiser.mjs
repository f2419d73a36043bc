/**
 * Folders below `src/`, and what each may import besides itself and Node. docs/architecture.md gives the reasons. A folder
 * in `types` may arrive as types only.
 */
const SRC = {
  errors: {},
  util: { code: ["errors"], types: ["ports"] },
  protocol: { code: ["util"] },
  ports: { types: ["artifact", "protocol", "util"] },
  artifact: { code: ["errors", "util", "protocol"], types: ["ports"] },
  contracts: { code: ["ports", "errors", "util"] },
  core: { code: ["ports", "artifact", "protocol", "errors", "util"] },
  config: { code: ["errors", "util"], types: ["protocol", "ports"] },
  agent: { code: ["artifact", "config", "contracts", "core", "errors", "ports", "protocol", "util"] },
  cli: { code: ["agent", "core", "config", "artifact", "errors", "util"], types: ["ports"] },
};

/** Adapters that any other adapter may use. */
const SHARED_ADAPTERS = "linux|process|lock|files";

/** Formats of boot environments: pure functions on bytes. */
const BOOT_FORMATS = "uboot/env-record|uboot/fw-env-config|grub/env-block|rpi-tryboot/autoboot|systemd-boot/entries";
const FORMATS = `^adapters/bootloader/(${BOOT_FORMATS})\\.ts$`;

/** Node's own modules and packages pass here: other rules say which of them. */
const OUTSIDE = "^(node:|node_modules/|[a-z_/]+$)";

const forbid = (name, from, to, comment) => ({
  name,
  severity: "error",
  ...(comment !== undefined && { comment }),
  from: typeof from === "string" ? { path: from } : from,
  to,
});
const only = (...folders) => ({ pathNot: [...folders, OUTSIDE] });

const folders = Object.entries(SRC).flatMap(([folder, { code = [], types = [] }]) => {
  const own = `^src/${folder}/`;
  const extra = { agent: ["^adapters/"], cli: ["^image/"] }[folder] ?? [];
  const known = [folder, ...code, ...types].map((name) => `^src/${name}/`);
  return [
    forbid(`${folder}-imports-too-much`, own, only(...known, "^src/version\\.ts$", ...extra)),
    ...(types.length === 0
      ? []
      : [
          forbid(`${folder}-imports-code-where-types-are-allowed`, own, {
            path: `^src/(${types.join("|")})/`,
            dependencyTypesNot: ["type-only"],
          }),
        ]),
  ];
});

export default {
  forbidden: [
    ...folders,
    forbid(
      "unknown-folder",
      { path: "^src/[^/]+/", pathNot: `^src/(${Object.keys(SRC).join("|")})/` },
      {},
      "Give a new folder below src/ its line in SRC first.",
    ),
    forbid("main-imports-too-much", "^src/main\\.ts$", only("^src/(cli|agent|core|config|artifact|errors|util)/")),
    forbid("version-imports-too-much", "^src/version\\.ts$", only("^package\\.json$")),
    forbid("only-agent-imports-adapters", { path: "^src/", pathNot: "^src/agent/" }, { path: "^adapters/" }),
    forbid("adapters-import-too-much", "^adapters/", only("^adapters/", "^src/(ports|errors|util)/")),
    forbid(
      "adapters-import-a-sibling",
      { path: "^adapters/([^/]+)/", pathNot: "^adapters/check/" },
      { path: "^adapters/", pathNot: [`^adapters/(${SHARED_ADAPTERS})/`, "^adapters/$1/"] },
      "What two adapters need of the kernel belongs in adapters/linux.",
    ),
    forbid(
      "adapters-check-imports-too-much",
      "^adapters/check/",
      { path: "^adapters/", pathNot: `^adapters/(check|foreign|bootloader/fake|${SHARED_ADAPTERS})/` },
      "The check runs a board's adapters in a sandbox, which is a virtual board.",
    ),
    forbid(
      "image-imports-too-much",
      { path: "^image/", pathNot: "^image/(inspect|convert|yocto)/" },
      only("^image/", "^src/(errors|util)/", FORMATS),
      "The formats of boot environments are the agent's, so that an image has what the agent reads.",
    ),
    forbid(
      "image-inspect-imports-too-much",
      "^image/(inspect|convert|yocto)/",
      only("^image/", "^src/(artifact|errors|util)/", FORMATS),
      "To explain an image takes the format of Artifacts, too, and nothing that touches a device.",
    ),
    forbid(
      "qemu-imports-too-much",
      "^qemu/",
      only(
        ...["^qemu/", "^image/", "^src/(artifact|errors|util)/", "^src/version\\.ts$"],
        // The terminal, and nothing that knows a device.
        ...["^src/cli/(process-io|one-line)\\.ts$", "^src/agent/io\\.ts$"],
      ),
      "The harness reads Artifacts and images, and reaches a device over ssh only.",
    ),
    forbid(
      "core-touches-no-device",
      "^src/core/",
      { dependencyTypes: ["core"], pathNot: "^(crypto|path|util)$" },
      "Core reaches files, programs and the network through ports.",
    ),
    forbid(
      "pure-folders-import-no-package",
      { path: "^src/(errors|util|ports|contracts|protocol)/", pathNot: "^src/protocol/api/" },
      { path: "^node_modules/" },
    ),
    forbid(
      "protocol-api-imports-zod-only",
      "^src/protocol/api/",
      { path: "^(node_modules|src)/", pathNot: "^(node_modules/zod|src/protocol)/" },
      "The schemas of the server's API are for the server, its clients and the console.",
    ),
    forbid(
      "devices-do-without-the-api-schemas",
      { path: "^(src|adapters|image|qemu)/", pathNot: "^src/protocol/" },
      { path: "^src/protocol/api/" },
      "What a device reads, it checks by hand (ADR 17).",
    ),
    forbid(
      "server-imports-too-much",
      "^server/",
      only("^server/", "^src/(artifact|protocol|errors|util)/", "^src/version\\.ts$", "^package\\.json$"),
    ),
    forbid(
      "server-domain-is-pure",
      "^server/domain/",
      { path: ".", pathNot: ["^server/domain/", "^src/(protocol|util)/", "^node_modules/zod/", "^crypto$"] },
      "Decisions know no database, no request and no clock.",
    ),
    forbid(
      "server-adapters-import-too-much",
      "^server/adapters/",
      { path: "^server/(api|jobs|compose|main)" },
      "Adapters do not know who calls them.",
    ),
    forbid("only-the-server-imports-the-server", { path: "^(src|adapters|image|qemu|fleet)/" }, { path: "^server/" }),
    forbid(
      "fleet-imports-too-much",
      "^fleet/",
      only(
        ...["^fleet/", "^src/(protocol|errors|util)/", "^src/version\\.ts$"],
        // The terminal, and nothing that knows a device.
        ...["^src/cli/(process-io|one-line|ask)\\.ts$", "^src/agent/io\\.ts$"],
      ),
      "Operators' programs know the API only.",
    ),
    forbid("only-fleet-imports-fleet", { path: "^(src|adapters|image|qemu|server)/" }, { path: "^fleet/" }),
    forbid(
      "web-imports-too-much",
      "^web/",
      only("^web/", "^src/protocol/"),
      "The console knows the API only, with the sentences that all clients say. It runs in a browser.",
    ),
    forbid(
      "web-imports-schemas",
      "^web/",
      { path: "^src/protocol/api/", dependencyTypesNot: ["type-only"] },
      "The shapes of answers come as types: the schemas would be larger than the console.",
    ),
    forbid(
      "pages-import-a-page",
      { path: "^web/src/pages/([^/]+)/" },
      { path: "^web/src/pages/", pathNot: "^web/src/pages/$1/" },
    ),
    forbid("only-web-imports-web", { pathNot: "^(web|test)/" }, { path: "^web/" }),
    forbid("core-imports-zod-only", "^src/core/", { path: "^node_modules/", pathNot: "^node_modules/zod/" }),
    forbid("nothing-imports-tests", { pathNot: "^test/" }, { path: "^test/" }),
    forbid("product-imports-no-script-and-no-board", "^(src|adapters)/", { path: "^(scripts|qemu)/" }),
    forbid(
      "only-tools-import-image",
      { path: "^(src|adapters)/", pathNot: "^src/cli/(artifact|image|yocto)/" },
      { path: "^image/" },
      "Work on images belongs to the machine that builds them, and never to a device.",
    ),
    forbid("no-cycles", {}, { circular: true }),
    forbid(
      "product-uses-dependencies-only",
      "^(src|adapters)/",
      {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "npm-optional", "npm-peer"],
        dependencyTypesNot: ["type-only"],
      },
      "A device lacks the packages that package.json names as devDependencies.",
    ),
    forbid("resolvable", {}, { couldNotResolve: true }),
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".tsx", ".mjs", ".js", ".json", ".css"],
    },
  },
};
