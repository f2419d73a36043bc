/** Rooms of the house, and what each may import besides itself. The reasons are in docs/architecture.md. */
const ROOMS = {
  errors: [],
  util: ["errors"],
  protocol: [],
  ports: ["artifact", "protocol", "util"],
  artifact: ["errors", "util", "ports", "protocol"],
  contracts: ["ports", "errors", "util"],
  core: ["ports", "artifact", "protocol", "errors", "util"],
  config: ["protocol", "ports", "errors", "util"],
  cli: ["core", "config", "artifact", "errors", "util", "ports"],
};

/** Node's own modules and packages are let through here; other rules say which packages. */
const OUTSIDE = "^(node:|node_modules/|[a-z_/]+$)";

const rooms = Object.entries(ROOMS).map(([room, others]) => ({
  name: `${room}-imports-too-much`,
  severity: "error",
  from: { path: `^src/${room}/` },
  to: {
    pathNot: [
      `^src/(${[room, ...others].join("|")})/`,
      OUTSIDE,
      ...(room === "cli" ? ["^src/compose[^/]*\\.ts$", "^package\\.json$"] : []),
    ],
  },
}));

export default {
  forbidden: [
    ...rooms,
    {
      name: "unknown-room",
      comment: "A new folder below src/ gets its line in ROOMS first.",
      severity: "error",
      from: { path: "^src/[^/]+/", pathNot: `^src/(${Object.keys(ROOMS).join("|")})/` },
      to: {},
    },
    {
      name: "main-imports-too-much",
      severity: "error",
      from: { path: "^src/main\\.ts$" },
      to: { pathNot: ["^src/(cli|core|config|artifact|errors|util|ports)/", "^src/compose[^/]*\\.ts$", OUTSIDE] },
    },
    {
      name: "ports-need-types-only",
      comment: "A port is a promise, not code: nothing of these may arrive at run time.",
      severity: "error",
      from: { path: "^src/ports/" },
      to: { pathNot: "^src/ports/", dependencyTypesNot: ["type-only"] },
    },
    {
      name: "only-compose-imports-adapters",
      severity: "error",
      from: { path: "^src/", pathNot: "^src/compose[^/]*\\.ts$" },
      to: { path: "^adapters/" },
    },
    {
      name: "adapters-know-ports-errors-util",
      severity: "error",
      from: { path: "^adapters/" },
      to: { pathNot: ["^adapters/", "^src/(ports|errors|util)/", OUTSIDE] },
    },
    {
      name: "pure-rooms-import-no-package",
      severity: "error",
      from: { path: "^src/(errors|util|ports|contracts)/" },
      to: { path: "^node_modules/" },
    },
    {
      name: "core-imports-zod-only",
      severity: "error",
      from: { path: "^src/core/" },
      to: { path: "^node_modules/", pathNot: "^node_modules/zod/" },
    },
    {
      name: "protocol-imports-nothing",
      severity: "error",
      from: { path: "^src/protocol/" },
      to: { pathNot: "^src/protocol/" },
    },
    {
      name: "nothing-imports-tests",
      severity: "error",
      from: { pathNot: "^test/" },
      to: { path: "^test/" },
    },
    {
      name: "product-imports-no-script-and-no-board",
      severity: "error",
      from: { path: "^(src|adapters)/" },
      to: { path: "^(scripts|qemu)/" },
    },
    {
      name: "no-cycles",
      severity: "error",
      from: {},
      to: { circular: true, viaOnly: { dependencyTypesNot: ["type-only"] } },
    },
    {
      name: "product-uses-dependencies-only",
      comment: "A package that only package.json's devDependencies names is not there on a device.",
      severity: "error",
      from: { path: "^(src|adapters)/" },
      to: {
        dependencyTypes: ["npm-dev", "npm-no-pkg", "npm-unknown", "npm-optional", "npm-peer"],
        dependencyTypesNot: ["type-only"],
      },
    },
    {
      name: "resolvable",
      severity: "error",
      from: {},
      to: { couldNotResolve: true },
    },
  ],
  options: {
    doNotFollow: { path: "node_modules" },
    tsPreCompilationDeps: true,
    tsConfig: { fileName: "tsconfig.json" },
    enhancedResolveOptions: {
      exportsFields: ["exports"],
      conditionNames: ["import", "require", "node", "default", "types"],
      extensions: [".ts", ".mjs", ".js", ".json"],
    },
  },
};
