const DEPLOYMENTS = "/api/management/v1/deployments";
const DEPLOYMENTS_V2 = "/api/management/v2/deployments";
const USERADM = "/api/management/v1/useradm";
const DEVAUTH = "/api/management/v2/devauth";
const INVENTORY = "/api/management/v1/inventory";
const FILTERS = "/api/management/v2/inventory/filters";
const DEVICES = "/api/devices";
const IOT = "/api/management/v1/iot-manager";

/** What each route does, in one sentence. A test finds routes that are missing here, and rows without a route. */
export const API_SENTENCES: Readonly<Record<string, string>> = {
  "GET /healthz": "Says that the process runs.",
  "GET /readyz": "Says whether the process reaches its database and its store.",

  [`POST ${DEPLOYMENTS}/artifacts`]: "Uploads an Artifact as a form with the file in `artifact`.",
  [`GET ${DEPLOYMENTS}/artifacts`]: "Lists all Artifacts.",
  [`GET ${DEPLOYMENTS}/artifacts/list`]: "Lists Artifacts page by page or by cursor.",
  [`GET ${DEPLOYMENTS_V2}/artifacts`]: "Lists Artifacts page by page or by cursor.",
  [`GET ${DEPLOYMENTS}/artifacts/{id}`]: "Shows one Artifact.",
  [`PUT ${DEPLOYMENTS}/artifacts/{id}`]: "Changes the description of an Artifact.",
  [`DELETE ${DEPLOYMENTS}/artifacts/{id}`]: "Deletes an Artifact that no running deployment uses.",
  [`GET ${DEPLOYMENTS}/artifacts/{id}/download`]:
    "Gives a link from which the Artifact can be downloaded for some minutes.",
  [`POST ${DEPLOYMENTS}/artifacts/generate`]: "Makes an Artifact with one file out of a form, and stores it.",
  [`POST ${DEPLOYMENTS}/artifacts/directupload`]: "Gives a link to which an Artifact can be uploaded.",
  [`PUT ${DEPLOYMENTS}/artifacts/directupload/{id}/content`]:
    "Takes the bytes of an Artifact. The link has the signature that allows it.",
  [`POST ${DEPLOYMENTS}/artifacts/directupload/{id}/complete`]:
    "Reads an Artifact that was uploaded to a link, and lists it.",
  [`GET ${DEPLOYMENTS}/limits/storage`]: "Says how many bytes the Artifacts use, and how many they may use.",

  [`GET ${DEPLOYMENTS}/continuous`]: "Lists the continuous deployments with the deployment that each has now.",
  [`POST ${DEPLOYMENTS}/continuous`]:
    "Gives the devices of a dynamic group the release of a channel, now and after each promotion.",
  [`DELETE ${DEPLOYMENTS}/continuous/{id}`]: "Ends a continuous deployment, and the deployment that it has now.",
  [`GET ${DEPLOYMENTS}/signing-keys`]: "Lists the public keys that sign Artifacts.",
  [`POST ${DEPLOYMENTS}/signing-keys`]:
    "Takes a public key in PEM form, and says from then on which Artifacts it has signed, also of those that are there.",
  [`DELETE ${DEPLOYMENTS}/signing-keys/{name}`]: "Deletes a public key that no channel names.",
  [`GET ${DEPLOYMENTS}/channels`]: "Lists the channels with the release that each has.",
  [`GET ${DEPLOYMENTS}/channels/{name}`]: "Shows a channel, its policy and its release.",
  [`PUT ${DEPLOYMENTS}/channels/{name}`]: "Makes a channel, or replaces its policy. Its release stays.",
  [`DELETE ${DEPLOYMENTS}/channels/{name}`]: "Deletes a channel; its release stays.",
  [`GET ${DEPLOYMENTS}/channels/{name}/promotions`]: "Lists what was brought into a channel, the newest first.",
  [`POST ${DEPLOYMENTS}/channels/{name}/promotions`]:
    "Brings a release into a channel, at once or when enough people have approved it.",
  [`POST ${DEPLOYMENTS}/channels/{name}/promotions/{id}/decision`]: "Approves or rejects a promotion that waits.",

  [`GET ${DEPLOYMENTS}/deployments/releases`]: "Lists all releases.",
  [`GET ${DEPLOYMENTS}/deployments/releases/list`]: "Lists releases page by page or by cursor.",
  [`GET ${DEPLOYMENTS_V2}/deployments/releases`]: "Lists releases with tags and notes, page by page or by cursor.",
  [`DELETE ${DEPLOYMENTS_V2}/deployments/releases`]: "Deletes the releases of these names with their Artifacts.",
  [`GET ${DEPLOYMENTS_V2}/deployments/releases/{name}`]: "Shows one release.",
  [`PATCH ${DEPLOYMENTS_V2}/deployments/releases/{name}`]: "Changes the notes of a release.",
  [`PUT ${DEPLOYMENTS_V2}/deployments/releases/{name}/tags`]: "Replaces the tags of a release.",
  [`GET ${DEPLOYMENTS_V2}/releases/all/tags`]: "Lists the tags that releases have.",
  [`GET ${DEPLOYMENTS_V2}/releases/all/types`]: "Lists the types of payloads that releases have.",

  [`POST ${DEPLOYMENTS}/deployments`]: "Creates a deployment to devices or to all devices.",
  [`POST ${DEPLOYMENTS}/deployments/group/{group}`]: "Creates a deployment to the devices of a group.",
  [`POST ${DEPLOYMENTS_V2}/deployments`]:
    "Creates a deployment to a dynamic group: to the devices that match, also later, or to those that match now.",
  [`GET ${DEPLOYMENTS}/deployments`]: "Lists deployments page by page.",
  [`GET ${DEPLOYMENTS_V2}/deployments`]: "Lists deployments page by page.",
  [`GET ${DEPLOYMENTS}/deployments/{id}`]: "Shows one deployment.",
  [`PUT ${DEPLOYMENTS}/deployments/{id}/status`]: "Aborts a deployment.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/statistics`]: "Counts the devices of a deployment by status.",
  [`POST ${DEPLOYMENTS}/deployments/statistics/list`]: "Counts the devices of several deployments by status.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/series`]: "Shows how the counts of a deployment changed over time.",
  [`POST ${DEPLOYMENTS_V2}/rollouts/estimate`]:
    "Says when the waves of a plan would open and end, and what it would need at its peak. It changes nothing.",
  [`GET ${DEPLOYMENTS_V2}/download_limits`]:
    "Shows how many bytes devices may download in a second, all together and at each site.",
  [`PUT ${DEPLOYMENTS_V2}/download_limits`]: "Replaces these limits. They hold for downloads that begin from then on.",
  [`GET ${DEPLOYMENTS_V2}/rollouts`]: "Lists rollouts page by page, the newest first.",
  [`GET ${DEPLOYMENTS_V2}/rollouts/{id}`]: "Shows a rollout: its plan, its waves, and what it waits for.",
  [`GET ${DEPLOYMENTS_V2}/rollouts/{id}/summary`]:
    "Says how a rollout stands: a headline, at most five facts, and what you can do with what it would do.",
  [`GET ${DEPLOYMENTS_V2}/rollouts/{id}/causes`]:
    "Shows why devices of a deployment failed, by what their logs say, and what the devices of each cause share that others lack. The deployment needs no plan.",
  [`GET ${DEPLOYMENTS_V2}/rollouts/{id}/series`]:
    "Shows how many devices of a rollout had which status, in steps of minutes.",
  "GET /api/management/v2/attention": "Lists what needs a person, the most harm first, as codes with numbers.",
  "GET /api/management/v2/devices/{id}/why":
    "Says why a device has not got the deployments that run, check by check, and when it polls next.",
  [`GET ${DEPLOYMENTS_V2}/rollouts/{id}/decisions`]:
    "Lists what was decided about a rollout, by its plan and by people.",
  [`POST ${DEPLOYMENTS_V2}/rollouts/{id}/acts`]:
    "Pauses, resumes, aborts or rolls back a rollout, and more; or tells what that would do.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/devices`]: "Lists the devices of a deployment that have asked for it.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/devices/list`]:
    "Lists the devices of a deployment page by page, or by cursor in the order of their ids.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/device_list`]: "Lists the ids of the devices that a deployment names.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/devices/{device}`]: "Says why a device has or has not got a deployment.",
  [`GET ${DEPLOYMENTS}/deployments/{id}/devices/{device}/log`]: "Shows the log that a device has sent.",
  [`GET ${DEPLOYMENTS}/deployments/devices/{device}`]: "Lists the deployments of a device.",
  [`DELETE ${DEPLOYMENTS}/deployments/devices/{device}`]: "Takes a device out of the deployments that run.",
  [`DELETE ${DEPLOYMENTS}/deployments/devices/{device}/history`]: "Forgets the finished deployments of a device.",

  [`POST ${USERADM}/auth/login`]:
    "Logs in with email address and password by HTTP basic authentication. The answer is a token.",
  "POST /api/management/v1/session": "Begins a session of the console, which is in a cookie.",
  "GET /api/management/v1/session": "Says who asks, what they may do, and what a page of the console must send.",
  "DELETE /api/management/v1/session": "Ends the session of the console.",
  [`POST ${USERADM}/auth/logout`]: "Ends the session of the token.",
  [`POST ${USERADM}/auth/password-reset/start`]:
    "Sends a link to set a new password to an email address, if it has an account. The answer does not tell.",
  [`POST ${USERADM}/auth/password-reset/complete`]:
    "Sets a password with what stands behind the `#` of a link, and ends all sessions and access tokens of the user.",
  [`POST ${USERADM}/users/{id}/password_link`]:
    "Sends a user a link to set a password. If the server sends no mails, the answer has the link.",
  [`GET ${USERADM}/users`]: "Lists the users.",
  [`POST ${USERADM}/users`]: "Makes a user, with a password or, with `send_reset_password`, by an invitation.",
  [`GET ${USERADM}/users/me`]: "Shows the user of the token.",
  [`PUT ${USERADM}/users/me`]: "Changes the user of the token.",
  "PUT /api/management/v2/useradm/users/me": "Changes the user of the token.",
  [`GET ${USERADM}/users/{id}`]: "Shows one user.",
  [`PUT ${USERADM}/users/{id}`]: "Changes a user.",
  [`DELETE ${USERADM}/users/{id}`]: "Deletes a user.",
  [`GET ${USERADM}/users/me/sessions`]:
    "Lists the sessions and access tokens of the user, with where they were used last.",
  [`DELETE ${USERADM}/users/me/sessions`]:
    "Ends all other sessions and access tokens of the user, or those of a `kind`.",
  [`DELETE ${USERADM}/users/me/sessions/{session}`]: "Ends one session or access token of the user.",
  [`GET ${USERADM}/users/{id}/sessions`]: "Lists the sessions and access tokens of a user.",
  [`DELETE ${USERADM}/users/{id}/sessions`]: "Ends all sessions and access tokens of a user, or those of a `kind`.",
  [`DELETE ${USERADM}/users/{id}/sessions/{session}`]: "Ends one session or access token of a user.",
  [`POST ${USERADM}/users/{id}/2fa/enable`]:
    "Makes the secret of a second factor for oneself; `id` may be `me`. No login asks for it until it is verified.",
  [`GET ${USERADM}/2faqr`]: "Shows the secret of a second factor that is being set up, as a QR code and as text.",
  [`PUT ${USERADM}/2faverify`]:
    "Verifies a second factor with a code of the app: from now on, logins need one. The answer has the recovery codes.",
  [`POST ${USERADM}/users/{id}/2fa/disable`]: "Removes one's own second factor; needs `current_password`.",
  [`POST ${USERADM}/users/me/2fa/recovery_codes`]: "Replaces one's recovery codes; needs `current_password`.",
  [`POST ${USERADM}/users/{id}/2fa/reset`]: "Removes the second factor of a user who has lost it.",
  [`GET ${USERADM}/sso/idp/metadata`]: "Lists the identity providers of the tenant, without their secrets.",
  [`POST ${USERADM}/sso/idp/metadata`]:
    "Adds an OpenID provider, with the roles of its groups. Only administrators may do so.",
  [`GET ${USERADM}/sso/idp/metadata/{id}`]: "Shows an identity provider, without its secret.",
  [`PUT ${USERADM}/sso/idp/metadata/{id}`]:
    "Replaces what is set for an identity provider. Without a secret, the one that is there stays.",
  [`DELETE ${USERADM}/sso/idp/metadata/{id}`]:
    "Removes an identity provider, and ends the sessions that it has begun. Its people stay users.",
  [`GET ${USERADM}/oidc/{id}/start`]:
    "Sends a browser to an identity provider, and then on to the path `to` or to a program on its machine.",
  [`GET ${USERADM}/oidc/{id}/callback`]: "Takes the answer of an identity provider, once, from the browser that began.",
  [`POST ${USERADM}/oidc/session`]:
    "Begins the session of who was signed in by a provider, once. The answer is the token, as of a login.",
  [`GET ${USERADM}/sign_in`]: "Shows how the people of the tenant sign in.",
  [`PUT ${USERADM}/sign_in`]:
    "Changes how the people of the tenant sign in. An administrator with a password always stays. Only administrators may do so.",
  [`GET ${USERADM}/roles`]: "Lists the roles.",
  "GET /api/management/v2/useradm/roles": "Lists the roles: the built-in ones, and those of the tenant.",
  "GET /api/management/v2/useradm/roles/{name}": "Shows one role.",
  "POST /api/management/v2/useradm/roles": "Makes a role of permission sets, each with or without a scope.",
  "PUT /api/management/v2/useradm/roles/{name}": "Replaces what a role allows, at once for all users who have it.",
  "DELETE /api/management/v2/useradm/roles/{name}": "Deletes a role that no user has.",
  "GET /api/management/v2/useradm/permission_sets": "Lists the permission sets of which roles consist.",
  [`GET ${USERADM}/settings/tokens`]: "Lists the personal access tokens of the user, without their secrets.",
  [`POST ${USERADM}/settings/tokens`]: "Makes a personal access token, and shows it once.",
  [`DELETE ${USERADM}/settings/tokens/{id}`]: "Revokes a personal access token.",
  [`GET ${USERADM}/settings`]: "Reads the settings that all users share.",
  [`POST ${USERADM}/settings`]: "Replaces the settings that all users share.",
  [`GET ${USERADM}/settings/me`]: "Reads the settings of the user.",
  [`POST ${USERADM}/settings/me`]: "Replaces the settings of the user.",
  [`GET ${USERADM}/plans`]: "Lists the plans, which Mender's console asks for.",
  [`GET ${USERADM}/plan_binding`]: "Shows the plan, which Mender's console asks for.",
  "GET /api/management/v1/tenantadm/user/tenant": "Shows the tenant of the user, with the token for its devices.",

  [`GET ${DEVAUTH}/devices`]: "Lists devices with their keys, page by page or by cursor.",
  [`POST ${DEVAUTH}/devices`]: "Preauthorizes a device, which is then accepted at its first request.",
  [`POST ${DEVAUTH}/devices/search`]: "Finds devices by ids and status.",
  [`GET ${DEVAUTH}/devices/count`]: "Counts devices, all or those with a status.",
  [`GET ${DEVAUTH}/devices/{id}`]: "Shows a device with its keys.",
  [`DELETE ${DEVAUTH}/devices/{id}`]: "Decommissions a device: it is forgotten with its keys.",
  [`GET ${DEVAUTH}/enrolment/rules`]: "Lists the rules that accept devices without a person.",
  [`POST ${DEVAUTH}/enrolment/rules`]:
    "Makes a rule: devices whose identity and address fit are accepted at their next request.",
  [`POST ${DEVAUTH}/enrolment/rules/preview`]: "Says which of the devices that wait a rule would accept.",
  [`DELETE ${DEVAUTH}/enrolment/rules/{id}`]: "Deletes a rule. Devices that it has accepted stay.",
  [`GET ${DEVAUTH}/enrolment/tokens`]: "Lists the enrolment tokens, without their texts.",
  [`POST ${DEVAUTH}/enrolment/tokens`]:
    "Makes an enrolment token, which devices send as their tenant token to be accepted. Its text is shown this once.",
  [`DELETE ${DEVAUTH}/enrolment/tokens/{id}`]: "Revokes an enrolment token. Devices that came in by it stay.",
  [`GET ${DEVAUTH}/limits/max_devices`]: "Says how many devices may be accepted.",
  [`GET ${DEVAUTH}/devices/{id}/auth/{aid}/status`]: "Shows the status of a key.",
  [`PUT ${DEVAUTH}/devices/{id}/auth/{aid}/status`]: "Accepts or rejects a key.",
  [`DELETE ${DEVAUTH}/devices/{id}/auth/{aid}`]: "Dismisses a key.",
  [`DELETE ${DEVAUTH}/tokens/{id}`]: "Revokes the token of a device.",
  [`POST ${DEVAUTH}/devices/bulk`]: "Accepts, rejects, dismisses or decommissions many devices.",

  [`GET ${INVENTORY}/devices`]: "Lists devices with what they report, page by page or by cursor.",
  [`GET ${INVENTORY}/devices/{id}`]: "Shows what a device reports.",
  [`DELETE ${INVENTORY}/devices/{id}`]: "Forgets what a device has reported.",
  [`PUT ${INVENTORY}/devices/{id}/tags`]: "Replaces the tags of a device.",
  [`PATCH ${INVENTORY}/devices/{id}/tags`]: "Adds and changes tags of a device.",
  [`GET ${INVENTORY}/devices/{id}/group`]: "Shows the group of a device.",
  [`PUT ${INVENTORY}/devices/{id}/group`]: "Puts a device into a group.",
  [`DELETE ${INVENTORY}/devices/{id}/group/{name}`]: "Takes a device out of its group.",
  [`GET ${INVENTORY}/groups`]: "Lists the groups.",
  [`GET ${INVENTORY}/groups/{name}/devices`]: "Lists the ids of the devices of a group, page by page or by cursor.",
  [`PATCH ${INVENTORY}/groups/{name}/devices`]: "Puts devices into a group.",
  [`DELETE ${INVENTORY}/groups/{name}/devices`]: "Takes devices out of a group.",
  [`DELETE ${INVENTORY}/groups/{name}`]: "Removes a group; its devices stay.",
  "POST /api/management/v2/inventory/filters/search": "Finds devices by what they report, page by page or by cursor.",
  "GET /api/management/v2/inventory/filters/attributes": "Lists the attributes that devices report.",
  [`GET ${FILTERS}`]: "Lists the dynamic groups by their names, page by page.",
  [`POST ${FILTERS}`]: "Makes a dynamic group of terms, which AND, OR and NOT can join.",
  [`GET ${FILTERS}/{id}`]: "Shows a dynamic group.",
  [`PUT ${FILTERS}/{id}`]: "Replaces a dynamic group. Deployments to it keep the terms with which they were created.",
  [`DELETE ${FILTERS}/{id}`]: "Deletes a dynamic group; its devices stay.",
  [`GET ${FILTERS}/{id}/search`]: "Lists the devices that a dynamic group has now, page by page or by cursor.",
  [`GET ${FILTERS}/{id}/count`]:
    "Counts the devices of a dynamic group, and says whether the count is exact. Many are estimated from a sample, unless `exact` is true.",
  "GET /api/management/v2/inventory/statistics": "Counts devices by status.",

  "GET /api/management/v1/auditlogs/logs": "Lists what people did, page by page or by cursor.",
  "GET /api/management/v1/auditlogs/logs/export":
    "Gives the audit log as a file of any size: comma-separated values, or with `format=ndjson` one JSON object a line.",
  "GET /api/management/v1/auditlogs/logs/verify":
    "Says whether the audit log is whole, in its order and in agreement with each `anchor`, and names the first record that is not as it was written.",

  [`POST ${DEVICES}/v1/authentication/auth_requests`]:
    "A device asks for a token. `X-MEN-Signature` has the signature of the body by the device's key.",
  [`POST ${DEVICES}/v2/deployments/device/deployments/next`]:
    "A device asks for its next deployment. 204: there is none.",
  [`POST ${DEVICES}/v1/deployments/device/deployments/next`]:
    "A device asks for its next deployment. 204: there is none.",
  [`GET ${DEVICES}/v1/deployments/device/deployments/next`]:
    "A device asks for its next deployment. 204: there is none.",
  [`GET ${DEVICES}/v2/deployments/device/deployments/{id}/update_control_map`]:
    "A device asks whether it may go on with a deployment.",
  [`PUT ${DEVICES}/v1/deployments/device/deployments/{id}/status`]: "A device reports how far it is.",
  [`PUT ${DEVICES}/v1/deployments/device/deployments/{id}/log`]: "A device sends the log of a deployment that failed.",
  [`PUT ${DEVICES}/v1/inventory/device/attributes`]: "A device replaces what it has reported.",
  [`PATCH ${DEVICES}/v1/inventory/device/attributes`]: "A device adds to what it has reported.",
  [`GET ${DEVICES}/v1/deviceconfig/configuration`]: "A device reads its configuration.",
  [`PUT ${DEVICES}/v1/deviceconfig/configuration`]: "A device reports the configuration that it uses.",
  [`GET ${DEVICES}/v1/download/{id}`]:
    "Downloads an Artifact, or the part that `Range` names. The link has its signature.",
  [`HEAD ${DEVICES}/v1/download/{id}`]: "Says how large an Artifact is.",

  [`GET ${IOT}/integrations`]: "Lists webhooks, without their secrets.",
  [`POST ${IOT}/integrations`]:
    "Makes a webhook. `secret` is hexadecimal; without `events`, the four of Mender are sent.",
  [`GET ${IOT}/integrations/{id}`]: "Shows one webhook.",
  [`DELETE ${IOT}/integrations/{id}`]: "Deletes a webhook and what waits for it.",
  [`PUT ${IOT}/integrations/{id}/credentials`]: "Gives a webhook another address and secret, and enables it.",
  [`POST ${IOT}/integrations/{id}/enable`]: "Enables a webhook that was disabled because it failed for three days.",
  [`POST ${IOT}/integrations/{id}/test`]: "Sends a test event to a webhook at once, and says how it went.",
  [`GET ${IOT}/integrations/{id}/deliveries`]: "Lists the deliveries to a webhook, newest first.",
  [`GET ${IOT}/events`]: "Lists the events that webhooks get, with the state of each delivery.",

  "GET /api/management/v1/events":
    "Streams what happens (`text/event-stream`), as far as you may see it. `Last-Event-ID` resumes; `topics` chooses.",
};
