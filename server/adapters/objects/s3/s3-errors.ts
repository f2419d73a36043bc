import { ServerError, type ServerErrorDetail } from "../../../errors/server-error.ts";

/** Seconds after which a client may try again. */
const RETRY_S = 5;

/** The HTTP status of an answer that was an error, or undefined if there was no answer. */
export const statusOf = (error: unknown): number | undefined =>
  error instanceof Error && "$metadata" in error
    ? (error.$metadata as { readonly httpStatusCode?: number }).httpStatusCode
    : undefined;

/** Whether the store has answered that there is no such object. */
export const isMissing = (error: unknown): boolean => statusOf(error) === 404 && nameOf(error) !== "NoSuchBucket";

const nameOf = (error: unknown): string => (error instanceof Error ? error.name : "");

/**
 * What an error of the store means for who runs the server.
 *
 * @returns STORAGE_REFUSED if the bucket or the keys are wrong, and STORAGE_AWAY if trying again may help
 */
export function storageError(error: unknown, where: ServerErrorDetail): ServerError {
  if (error instanceof ServerError) return error;
  const reason = refusal(error);
  if (reason !== undefined) return new ServerError("STORAGE_REFUSED", { ...where, reason }, { cause: error });
  return new ServerError(
    "STORAGE_AWAY",
    { ...where, reason: messageOf(error) },
    { cause: error, retryAfterS: RETRY_S },
  );
}

function refusal(error: unknown): string | undefined {
  const name = nameOf(error);
  if (name === "CredentialsProviderError") return "no keys were found in the configuration or the environment";
  if (/^(?:InvalidAccessKeyId|SignatureDoesNotMatch)$/.test(name)) return "the keys are wrong";
  switch (statusOf(error)) {
    case 301:
    case 307:
      return "the bucket is in another region";
    case 400:
      return `the store says ${messageOf(error)}`;
    case 401:
    case 403:
      return "the keys are wrong, or may not use the bucket";
    case 404:
      return "there is no such bucket";
    default:
      return undefined;
  }
}

function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  if (error instanceof AggregateError && error.message === "") return messageOf(error.errors[0]);
  return error.message === "" ? error.name : error.message;
}
