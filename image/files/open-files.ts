import { AgentError } from "../../src/errors/agent-error.ts";
import { createExtFiles } from "./ext-files.ts";
import { createFatFiles } from "./fat-files.ts";
import type { ImageFiles } from "./image-files.ts";
import { fileSystemAt } from "./kind.ts";
import type { Place } from "./place.ts";

/** @throws {AgentError} IMAGE_FILE_SYSTEM if it is neither ext2, ext3, ext4 nor FAT; IMAGE_UNREADABLE */
export async function openImageFiles(place: Place): Promise<ImageFiles> {
  const kind = await fileSystemAt(place);
  if (kind === "ext") return createExtFiles(place);
  if (kind === "fat") return createFatFiles(place);
  const { path: image, offset } = place;
  throw new AgentError("IMAGE_FILE_SYSTEM", { image, offset, found: kind ?? "unknown" });
}
