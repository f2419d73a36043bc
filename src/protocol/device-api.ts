import * as z from "zod/mini";

/** `GET` and `POST …/deployments/device/deployments/next`, status 200. Unknown keys are ignored. */
export const NextDeployment = z.object({
  id: z.string().check(z.minLength(1)),
  artifact: z.object({
    /** What the server calls it; the Artifact's own header is what counts. */
    artifact_name: z.optional(z.string()),
    source: z.object({ uri: z.string().check(z.minLength(1)), expire: z.optional(z.string()) }),
    device_types_compatible: z.optional(z.array(z.string())),
  }),
});
export type NextDeployment = Readonly<z.infer<typeof NextDeployment>>;
