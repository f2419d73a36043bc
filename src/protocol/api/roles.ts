import { z } from "zod";
import { FreeText, Line } from "./text.ts";

/** In a path as it is. */
export const RoleName = Line.min(1).regex(/^[^/]+$/, "has a slash");

/** What limits a permission set of a role: to devices of groups, or to releases with tags. */
const Scope = z.object({
  type: z.enum(["DeviceGroups", "ReleaseTags"]),
  value: z.array(Line.min(1)).min(1).max(100),
});

const ScopedSet = z.object({ name: z.string().min(1).max(64), scope: Scope.optional() });

/** What a role allows: the sum of its permission sets. */
const RoleContent = z.object({
  description: FreeText.optional(),
  permission_sets_with_scope: z.array(ScopedSet).min(1).max(15),
});

export const NewRole = RoleContent.extend({ name: RoleName });
export type NewRole = z.infer<typeof NewRole>;

/** Replaces the role. The name in the path counts. */
export const RoleChange = RoleContent.extend({ name: RoleName.optional() });

export const Role = z.object({
  name: z.string(),
  description: z.string(),
  permission_sets_with_scope: z.array(z.object({ name: z.string(), scope: Scope.optional() })),
  /** Every tenant has it, and it cannot be changed. */
  built_in: z.boolean(),
});
export type Role = z.infer<typeof Role>;

export const PermissionSet = z.object({
  name: z.string(),
  description: z.string(),
  /** What a role can limit the set to. */
  supported_scope_types: z.array(z.string()),
  permissions: z.array(z.string()),
});
