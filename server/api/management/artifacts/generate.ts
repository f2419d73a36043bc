import { z } from "zod";
import { FreeText, Line } from "../../../../src/protocol/api/text.ts";
import { writeSingleFile } from "../../../adapters/artifacts/write-single-file.ts";
import { ServerError } from "../../../errors/server-error.ts";
import type { App } from "../../app-types.ts";
import { type OpenForm, openForm } from "../../multipart.ts";
import type { Services } from "../../services.ts";
import { storeArtifact } from "./store.ts";

const ARTIFACTS = "/api/management/v1/deployments/artifacts";
const FILE_MAX_BYTES = 256 * 1024 ** 2;

const Fields = z.object({
  name: Line.min(1),
  description: FreeText,
  type: z.literal("single_file"),
  device_types: z.array(Line.min(1)).min(1).max(100),
});

/** The names of the other files of the payload. */
const TAKEN = new Set(["dest_dir", "filename", "permissions", ".", "..", ".artifact"]);

const Args = z.object({
  dest_dir: Line.regex(/^\/(?!.*(?:^|\/)\.\.(?:\/|$))/, "is not an absolute path"),
  filename: Line.min(1).refine((name) => !name.includes("/") && !TAKEN.has(name), "is not a name of a file"),
});

/** Adds the route that makes an Artifact of one file. */
export function addGenerateRoute(app: App, services: Services): void {
  app.post(
    `${ARTIFACTS}/generate`,
    {
      config: { auth: "user", permission: "UploadArtifacts" },
      schema: { consumes: ["multipart/form-data"], response: { 201: z.undefined() } },
    },
    async (request, reply) => {
      const form = await openForm(request, FILE_MAX_BYTES);
      try {
        const { name, description, device_types: deviceTypes } = parsed(Fields, fieldsOf(form));
        const { dest_dir: folder, filename: fileName } = parsed(Args, json(form.fields.get("args")?.[0]));
        const wish = { name, deviceTypes, folder, fileName };
        const id = await writeSingleFile(wish, form.file, async (content) => {
          await form.finish();
          if (form.isTooLarge()) throw new ServerError("REQUEST_TOO_LARGE", { limit: FILE_MAX_BYTES });
          return storeArtifact(services, request, { content, description });
        });
        return reply.status(201).header("location", `${ARTIFACTS}/${id}`).send();
      } catch (error) {
        form.abandon();
        throw error instanceof ServerError && error.code === "CONFLICT"
          ? new ServerError("NOT_POSSIBLE", error.detail, error.extras)
          : error;
      }
    },
  );
}

/** Device types come in one field, separated by commas, or in several. */
const fieldsOf = ({ fields }: OpenForm): unknown => ({
  name: fields.get("name")?.[0],
  description: fields.get("description")?.[0] ?? "",
  type: fields.get("type")?.[0],
  device_types: (fields.get("device_types_compatible") ?? [])
    .flatMap((field) => field.split(","))
    .map((deviceType) => deviceType.trim())
    .filter((deviceType) => deviceType !== ""),
});

function json(text: string | undefined): unknown {
  try {
    return JSON.parse(text ?? "");
  } catch {
    throw new ServerError("REQUEST_INVALID", { in: "form", field: "args", reason: "not JSON" });
  }
}

function parsed<T>(schema: z.ZodType<T>, value: unknown): T {
  const { data, error } = schema.safeParse(value);
  if (error === undefined) return data as T;
  const [issue] = error.issues;
  throw new ServerError("REQUEST_INVALID", {
    ...{ in: "form", field: issue?.path.join(".") ?? "", reason: issue?.message ?? "not valid" },
  });
}
