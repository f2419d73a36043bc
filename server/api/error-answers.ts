import type { FastifyError, FastifyReply, FastifyRequest } from "fastify";
import { hasZodFastifySchemaValidationErrors } from "fastify-type-provider-zod";
import { SERVER_ERRORS, type ServerErrorCode } from "../errors/catalogue.ts";
import { describeServerError, ServerError } from "../errors/server-error.ts";

/** What Fastify calls its own refusals, and what we call them. */
const FASTIFY_CODES: Readonly<Record<string, ServerErrorCode>> = {
  FST_ERR_CTP_BODY_TOO_LARGE: "REQUEST_TOO_LARGE",
  FST_ERR_CTP_INVALID_MEDIA_TYPE: "REQUEST_MEDIA_TYPE",
  FST_ERR_BAD_URL: "REQUEST_INVALID",
};

/** Answers a request that failed, and logs what is a fault of the server. */
export function answerError(thrown: FastifyError, request: FastifyRequest, reply: FastifyReply): void {
  const error = named(thrown);
  const { status } = SERVER_ERRORS[error.code];
  if (status >= 500) request.log.error({ request_id: request.id, err: thrown }, describeServerError(error));
  if (error.extras.retryAfterS !== undefined) reply.header("retry-after", String(jittered(error.extras.retryAfterS)));
  void reply
    .status(status)
    .header("content-type", "application/json; charset=utf-8")
    .serializer(JSON.stringify)
    .send({ error: describeServerError(error), code: error.code, request_id: request.id, ...error.extras.body });
}

export function answerNotFound(request: FastifyRequest, reply: FastifyReply): void {
  answerError(new ServerError("NOT_FOUND", { path: request.url.split("?", 1)[0] ?? "" }) as never, request, reply);
}

function named(thrown: FastifyError | ServerError): ServerError {
  if (thrown instanceof ServerError) return thrown;
  if (hasZodFastifySchemaValidationErrors(thrown)) {
    const [first] = thrown.validation;
    const where = `${thrown.validationContext ?? "body"}${first?.instancePath ?? ""}`;
    return new ServerError("REQUEST_INVALID", { in: where, reason: first?.message ?? "not valid" });
  }
  const code = FASTIFY_CODES[thrown.code];
  if (code !== undefined) return new ServerError(code);
  if (thrown.statusCode !== undefined && thrown.statusCode >= 400 && thrown.statusCode < 500)
    return new ServerError("REQUEST_INVALID", { reason: thrown.message });
  return new ServerError("INTERNAL", {}, { cause: thrown });
}

/** Devices that all wait for the same time come back all at once. */
const jittered = (seconds: number): number => Math.ceil(seconds * (1 + Math.random()));
