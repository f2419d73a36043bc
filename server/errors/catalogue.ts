/** What a code means for a client of the API (`status`) and for a command (`exit`). */
export interface ServerErrorEntry {
  readonly status: number;
  readonly exit?: number;
  readonly doc: string;
}

/**
 * The stable codes of the server: of its API and of its commands. A code never changes its meaning. The sentence says
 * what is wrong, and details come as `key=value` behind it.
 */
export const SERVER_ERRORS = {
  REQUEST_INVALID: { status: 400, doc: "The request is not valid." },
  CURSOR_INVALID: { status: 400, doc: "The cursor is not one of this list, or it belongs to another query." },
  REQUEST_TIMEOUT: { status: 408, doc: "The body of the request came too slowly." },
  REQUEST_TOO_LARGE: { status: 413, doc: "The body of the request is too large." },
  REQUEST_MEDIA_TYPE: { status: 415, doc: "The server does not read this content type here." },
  NOT_FOUND: { status: 404, doc: "There is no such thing, or it belongs to someone else." },
  UNAUTHORIZED: { status: 401, doc: "The token is missing, not valid, expired or revoked." },
  FORBIDDEN: { status: 403, doc: "You may not do this." },
  FOREIGN_PAGE: { status: 403, doc: "The request does not come from a page of the console." },
  OWN_ROLES: { status: 422, doc: "You cannot change your own roles. Ask another administrator." },
  LAST_ADMINISTRATOR: { status: 422, doc: "The tenant would have no administrator left who can log in." },
  LOGIN_FAILED: { status: 401, doc: "The email address or the password is wrong." },
  SECOND_FACTOR_MISSING: { status: 401, doc: "The login needs a code of the second factor (2fa), too." },
  SECOND_FACTOR_WRONG: { status: 401, doc: "The code of the second factor (2fa) is wrong, or was used before." },
  SECOND_FACTOR_NOT_SET_UP: { status: 403, doc: "Everyone needs a second factor here. Set yours up first." },
  PASSWORDS_OFF: { status: 403, doc: "Passwords are turned off here. Sign in with your identity provider." },
  SIGN_IN_INVALID: {
    status: 400,
    doc: "The sign-in has expired, was used before, or began in another browser. Begin it again.",
  },
  SIGN_IN_REFUSED: { status: 403, doc: "The identity provider knows you, but you may not sign in here." },
  PROVIDER_REFUSED: { status: 403, doc: "The identity provider did not sign you in." },
  PROVIDER_AWAY: { status: 424, doc: "The identity provider cannot be reached. Try again." },
  PROVIDER_INVALID: { status: 424, doc: "The answer of the identity provider is not valid." },
  TOO_MANY_REQUESTS: { status: 429, doc: "There were too many requests. Try again later." },
  CONFLICT: { status: 409, doc: "The request conflicts with what is there." },
  PRECONDITION_FAILED: { status: 412, doc: "The thing has changed since you read it." },
  NOT_POSSIBLE: { status: 422, doc: "The request is valid, but cannot be done." },
  DEVICE_NOT_ACCEPTED: { status: 401, doc: "The device is not accepted." },
  DEVICE_SIGNATURE: { status: 401, doc: "The signature of the request does not match its key." },
  LINK_EXPIRED: { status: 403, doc: "The link has expired, or its signature is wrong." },
  PASSWORD_LINK_INVALID: {
    status: 403,
    doc: "The link to set a password is not valid: it was used, has expired, or is not whole. Ask for a new one.",
  },
  LINK_INVALID: { status: 400, doc: "The parameters of the link are not valid." },
  RANGE_NOT_SATISFIABLE: { status: 416, doc: "The file does not have these bytes." },
  ARTIFACT_INVALID: { status: 400, doc: "The file is not a valid Artifact." },
  DEPLOYMENT_ABORTED: { status: 409, doc: "The deployment was aborted." },
  ROLLOUT_REFUSED: { status: 409, doc: "The rollout is in a state in which this cannot be done." },
  ROLLOUT_MOVED_ON: { status: 409, doc: "The rollout is not as you saw it. Look again." },
  SERVER_ENDING: { status: 503, doc: "This process of the server ends. Ask another one." },
  SIGNATURE_REFUSED: { status: 422, doc: "The channel does not accept the signature of an Artifact of the release." },
  OWN_PROMOTION: { status: 422, doc: "Another person must approve a release that you have promoted." },
  DATABASE_AWAY: { status: 503, doc: "The database cannot be reached. Try again." },
  DATABASE_REFUSED: { status: 503, doc: "The database refuses the server: a configuration is wrong." },
  STORAGE_AWAY: { status: 503, doc: "The store of Artifacts cannot be reached. Try again." },
  STORAGE_REFUSED: { status: 503, doc: "The store of Artifacts refuses the server: its configuration is wrong." },
  INTERNAL: { status: 500, doc: "The server failed. Its log has the details under the request id." },
  CONFIG_INVALID: { status: 500, exit: 2, doc: "The configuration is not valid." },
  OPTION_INVALID: { status: 500, exit: 2, doc: "An option or an argument is not valid." },
  AUDIT_BROKEN: { status: 500, doc: "The audit log is not as it was written." },
  BACKUP_INVALID: { status: 500, doc: "The file is not a whole backup." },
  BACKUP_FAILED: { status: 500, doc: "The backup could not be written." },
  RESTORE_REFUSED: { status: 500, doc: "A backup is restored into an empty database only." },
  DATABASE_START: { status: 500, doc: "The private PostgreSQL does not start." },
  DATABASE_NEWER: { status: 500, doc: "The database was made by a newer version of the server." },
  DATABASE_MISSING: { status: 500, doc: "No PostgreSQL 15 or newer was found." },
  DATA_FOLDER_BUSY: { status: 500, doc: "Another server uses this data folder." },
} as const satisfies Record<string, ServerErrorEntry>;

export type ServerErrorCode = keyof typeof SERVER_ERRORS;
