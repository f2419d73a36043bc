import type { Command } from "commander";
import type { CliIo } from "../../src/agent/io.ts";
import { AgentError } from "../../src/errors/agent-error.ts";
import { type Context, done, examples, printOne, printRows, withServer } from "./command.ts";
import type { Column } from "./table.ts";

const V2 = "/api/management/v2/useradm";

interface ScopedSet {
  readonly name: string;
  readonly scope?: { readonly type: string; readonly value: readonly string[] };
}

interface Role {
  readonly name: string;
  readonly description: string;
  readonly permission_sets_with_scope: readonly ScopedSet[];
}

interface PermissionSet {
  readonly name: string;
  readonly description: string;
  readonly supported_scope_types: readonly string[];
}

const SETS = `
A permission set is limited if you add names to it: of groups for sets about devices, of tags for sets
about releases. 'roles sets' lists all of them.
`;

export function registerRoles(program: Command, io: CliIo): void {
  const roles = program.command("roles").description("what users may do");
  roles
    .command("list")
    .description("list the roles")
    .addHelpText("after", examples("roles list"))
    .action(withServer(io, listRoles));
  roles
    .command("show")
    .description("show a role")
    .argument("<role>", "name of the role")
    .addHelpText("after", examples("roles show RBAC_ROLE_CI"))
    .action(withServer(io, showRole));
  roles
    .command("sets")
    .description("list the permission sets of which roles consist")
    .addHelpText("after", examples("roles sets"))
    .action(withServer(io, listSets));
  roles
    .command("create")
    .description("make a role")
    .argument("<role>", "name of the role")
    .requiredOption("--allow <sets...>", "permission sets, each as SET or SET=NAME,NAME with groups or tags")
    .option("--description <text>", "for whom the role is")
    .addHelpText(
      "after",
      `${SETS}${examples(
        "roles create lab-team --allow DeployToDevices=beta --allow ReadReleases",
        "roles create beta-builds --allow UploadArtifacts=beta --description 'build server'",
      )}`,
    )
    .action(withServer<{ allow: readonly string[]; description?: string }>(io, createRole));
  roles
    .command("delete")
    .description("delete a role that no user has")
    .argument("<role>", "name of the role")
    .addHelpText("after", examples("roles delete lab-team"))
    .action(withServer(io, deleteRole));
}

const allowed = ({ permission_sets_with_scope: sets }: Role): string =>
  sets.map(({ name, scope }) => (scope === undefined ? name : `${name}=${scope.value.join(",")}`)).join(" ");

const COLUMNS: readonly Column<Role>[] = [
  { title: "role", value: ({ name }) => name },
  { title: "allows", value: allowed },
  { title: "description", value: ({ description }) => description },
];

async function listRoles(context: Context<object>): Promise<void> {
  printRows(context, (await (await context.connection.call("GET", `${V2}/roles`)).json()) as Role[], COLUMNS);
}

const pathOf = (role = ""): string => `${V2}/roles/${encodeURIComponent(role)}`;

async function showRole(context: Context<object>): Promise<void> {
  const answer = await context.connection.call("GET", pathOf(context.words[0]));
  printOne(context, (await answer.json()) as Role, COLUMNS);
}

async function setsOf({ connection }: Context<object>): Promise<readonly PermissionSet[]> {
  return (await (await connection.call("GET", `${V2}/permission_sets`)).json()) as PermissionSet[];
}

async function listSets(context: Context<object>): Promise<void> {
  printRows(context, await setsOf(context), [
    { title: "set", value: ({ name }) => name },
    { title: "limited by", value: ({ supported_scope_types: types }) => types.join(" ") },
    { title: "allows to", value: ({ description }) => description },
  ]);
}

async function createRole(context: Context<{ allow: readonly string[]; description?: string }>): Promise<void> {
  const [name] = context.words;
  const { allow, description } = context.options;
  const known = await setsOf(context);
  const sets = allow.map((text): ScopedSet => {
    const [set = "", names] = text.split(/=(.*)/s, 2);
    if (names === undefined) return { name: set };
    const type = known.find((one) => one.name === set)?.supported_scope_types[0];
    if (type === undefined)
      throw new AgentError("OPTION_INVALID", { option: "--allow", value: text, reason: "this set takes no names" });
    return { name: set, scope: { type, value: names.split(",") } };
  });
  const body = { name, permission_sets_with_scope: sets, ...(description !== undefined && { description }) };
  await context.connection.call("POST", `${V2}/roles`, { body });
  done(context, `${name} is made.`);
}

async function deleteRole(context: Context<object>): Promise<void> {
  const [name] = context.words;
  await context.connection.call("DELETE", pathOf(name));
  done(context, `${name} is deleted.`);
}
