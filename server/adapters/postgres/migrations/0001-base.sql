-- oldest: 1
-- (No program without this schema works. Each later migration names the newest one of the version before.)

-- Each table of a tenant begins its keys with tenant_id, and row-level security keeps tenants apart even if a query
-- forgets the condition. FORCE makes the owner of the tables subject to it, too.

CREATE FUNCTION app_tenant() RETURNS uuid LANGUAGE sql STABLE PARALLEL SAFE
  RETURN nullif(current_setting('app.tenant', true), '')::uuid;

-- What stands before the first version in a text, and the version as a text that sorts as people sort versions: see
-- server/domain/filters/versions.ts, which must find the same.
CREATE FUNCTION version_parts(value text) RETURNS text[] LANGUAGE plpgsql IMMUTABLE STRICT PARALLEL SAFE AS $$
DECLARE
  pattern CONSTANT text := '(?:^|[-_ /@])[vV]?([0-9]+(?:[.][0-9]+)*)';
  number text;
  key text := '';
  tail text;
BEGIN
  IF value !~ pattern THEN
    RETURN NULL;
  END IF;
  FOREACH number IN ARRAY string_to_array((regexp_match(value, pattern))[1], '.') LOOP
    number := ltrim(number, '0');
    IF length(number) > 18 THEN
      RETURN NULL;
    END IF;
    key := key || lpad(number, 18, '0');
  END LOOP;
  tail := lower(split_part(substr(value, regexp_instr(value, pattern, 1, 1, 1)), '+', 1) COLLATE "C");
  RETURN ARRAY[
    left(value, regexp_instr(value, pattern) - 1),
    regexp_replace(key, '(?:0{18})+$', '')
      || CASE WHEN tail = '' THEN '!'
        WHEN tail ~ '^(?:~|[-._ ]?(?:alpha|beta|rc|pre|dev|snapshot|nightly|[abm][0-9]))' THEN ' '
        ELSE '"' END
      || coalesce((SELECT string_agg(CASE WHEN part[1] IS NULL THEN part[2] WHEN length(part[1]) < 18
          THEN lpad(part[1], 18, '0') ELSE part[1] END, '' ORDER BY n)
        FROM regexp_matches(tail, '([0-9]+)|([^0-9]+)', 'g') WITH ORDINALITY AS found (part, n)), '')];
END
$$;

-- Tables without a tenant ------------------------------------------------------------------------------------------

CREATE TABLE tenants (
  id uuid PRIMARY KEY,
  name text NOT NULL UNIQUE,
  -- What devices send as tenant_token.
  token text NOT NULL UNIQUE,
  -- How many devices may be accepted. 0: any number.
  max_devices bigint NOT NULL DEFAULT 0,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Finds the tenant of a person who logs in. An email address belongs to one tenant.
CREATE TABLE logins (
  email text PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  user_id uuid NOT NULL
);

-- Failed logins, by the hash of who tried and from where. With no failures: an address from which an account logs in.
CREATE TABLE login_attempts (
  key text PRIMARY KEY,
  failures int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now()
);

-- Keys that all processes share: token signing keys and the key of download links.
CREATE TABLE secrets (
  name text PRIMARY KEY,
  value text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Work that outlives the request that asks for it: mails. A job that is claimed has its run_at in the future, so that
-- another process takes it if the first one has crashed. It is not under row-level security, because processes look for the
-- jobs of all tenants, and a job may be there before its tenant is known.
CREATE TABLE jobs (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  kind text NOT NULL,
  tenant_id uuid REFERENCES tenants ON DELETE CASCADE,
  body jsonb NOT NULL DEFAULT '{}',
  run_at timestamptz NOT NULL DEFAULT now(),
  attempts int NOT NULL DEFAULT 0,
  -- When it was given up, and why the last attempt failed.
  failed_at timestamptz,
  error text,
  created_at timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX jobs_due ON jobs (run_at) WHERE failed_at IS NULL;

-- The rollouts of all tenants that have not ended, and when time alone moves them: a ticker finds them here, and whoever
-- changes a rollout locks its row first.
CREATE TABLE rollout_clocks (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  deployment_id uuid NOT NULL,
  wake_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, deployment_id)
) WITH (fillfactor = 50);

-- Devices ----------------------------------------------------------------------------------------------------------

CREATE TABLE devices (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  -- The identity data as the device sent them, and the SHA-256 of their canonical form.
  identity jsonb NOT NULL,
  identity_hash bytea NOT NULL,
  status text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected', 'preauthorized', 'noauth')),
  -- Since when the device is accepted. A deployment to all devices reaches those that were accepted before it.
  accepted_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, identity_hash)
);
CREATE INDEX devices_by_status ON devices (tenant_id, status, created_at, id);
CREATE INDEX devices_by_age ON devices (tenant_id, created_at, id);

CREATE TABLE auth_sets (
  tenant_id uuid NOT NULL,
  -- Also the jti of the device's tokens.
  id uuid NOT NULL,
  device_id uuid NOT NULL,
  -- PEM in the normal form that the server encodes, and its SHA-256.
  pubkey text NOT NULL,
  pubkey_hash bytea NOT NULL,
  tier text NOT NULL DEFAULT 'standard',
  status text NOT NULL CHECK (status IN ('pending', 'accepted', 'rejected', 'preauthorized')),
  -- Tokens that were issued before this instant are not valid any more.
  tokens_valid_from timestamptz NOT NULL DEFAULT '-infinity',
  -- The address from which the device first asked with this key.
  seen_from text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, device_id, pubkey_hash),
  FOREIGN KEY (tenant_id, device_id) REFERENCES devices ON DELETE CASCADE
);
CREATE UNIQUE INDEX auth_sets_one_accepted ON auth_sets (tenant_id, device_id) WHERE status = 'accepted';

-- Processes keep accepted keys in memory. A key that loses its acceptance loses its tokens, too.
CREATE FUNCTION auth_set_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF OLD.status = 'accepted' THEN
    IF TG_OP = 'UPDATE' AND NEW.status <> 'accepted' THEN
      NEW.tokens_valid_from = clock_timestamp();
    END IF;
    PERFORM pg_notify('switchback',
      json_build_object('tenant', OLD.tenant_id, 'what', 'device', 'device', OLD.device_id)::text);
  END IF;
  RETURN CASE TG_OP WHEN 'DELETE' THEN OLD ELSE NEW END;
END
$$;
CREATE TRIGGER auth_set_changes BEFORE UPDATE OR DELETE ON auth_sets
  FOR EACH ROW EXECUTE FUNCTION auth_set_changes();

-- Devices that fit are accepted without a person. See server/adapters/enrolment.
CREATE TABLE enrolment_rules (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  -- [{"attribute": ..., "regex": ...} | {"attribute": ..., "values": [...]}]: all of them must hold.
  identity jsonb NOT NULL,
  -- Addresses and networks, of which one must fit. Empty: from anywhere.
  networks text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name)
);

-- What devices send as their tenant token, and are accepted for. It is not under row-level security, because the tenant of
-- a device is found by it. A row is never removed: devices that came in by it still send it.
CREATE TABLE enrolment_tokens (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  -- SHA-256.
  token_hash bytea NOT NULL UNIQUE,
  expires_at timestamptz NOT NULL,
  -- How many devices may come in by it. Without it, any number.
  uses_max bigint,
  uses bigint NOT NULL DEFAULT 0,
  revoked_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

-- Hot and narrow: written in batches at each poll, so nothing that each poll changes has an index.
CREATE TABLE device_state (
  tenant_id uuid NOT NULL,
  device_id uuid NOT NULL,
  check_in_at timestamptz,
  -- Learnt from the device's own polls.
  poll_interval_s int,
  artifact_name text,
  device_type text,
  provides jsonb,
  -- The sequence number of the newest deployment that the device has finished.
  finished_seq bigint NOT NULL DEFAULT 0,
  -- The reason of the answer to the last poll: a code of server/domain/selection, and the deployment it was about.
  answer text,
  answer_deployment uuid,
  answer_at timestamptz,
  -- The answer said when to come back. The time until the next poll then says nothing about the interval.
  asked_back boolean NOT NULL DEFAULT false,
  PRIMARY KEY (tenant_id, device_id),
  FOREIGN KEY (tenant_id, device_id) REFERENCES devices ON DELETE CASCADE
) WITH (fillfactor = 70);
-- Devices that an update has left in between. The name changes rarely.
CREATE INDEX device_state_inconsistent ON device_state (tenant_id, device_id)
  WHERE artifact_name LIKE '%\_INCONSISTENT';

CREATE TABLE inventory (
  tenant_id uuid NOT NULL,
  device_id uuid NOT NULL,
  -- Of the device: copied here in the transaction that changes it, for searches.
  status text NOT NULL,
  -- {"inventory": {"name": value}, "identity": {...}, "monitor": {...}}. A value is a string, number or array of strings.
  attributes jsonb NOT NULL DEFAULT '{}',
  device_type text GENERATED ALWAYS AS (attributes #>> '{inventory,device_type}') STORED,
  artifact_name text GENERATED ALWAYS AS (attributes #>> '{inventory,artifact_name}') STORED,
  group_name text,
  -- A deployment to a group reaches the devices that were in it before.
  group_since timestamptz,
  -- {"name": {"value": ..., "description": ...}}
  tags jsonb NOT NULL DEFAULT '{}',
  tags_rev bigint NOT NULL DEFAULT 0,
  -- IANA name, from the inventory or set by a person.
  time_zone text,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, device_id),
  FOREIGN KEY (tenant_id, device_id) REFERENCES devices ON DELETE CASCADE
);
-- Without fastupdate: a search reads each change that waits for its place in the index, up to 4 MB of them.
CREATE INDEX inventory_attributes ON inventory USING gin (attributes jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX inventory_tags ON inventory USING gin (tags jsonb_path_ops) WITH (fastupdate = off);
CREATE INDEX inventory_by_group ON inventory (tenant_id, group_name, device_id) WHERE group_name IS NOT NULL;
CREATE INDEX inventory_by_update ON inventory (tenant_id, status, updated_at, device_id);
CREATE INDEX inventory_by_artifact ON inventory (tenant_id, artifact_name, device_id);
CREATE INDEX inventory_by_type ON inventory (tenant_id, device_type, device_id);

-- Dynamic groups: names of predicates.
CREATE TABLE filters (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  -- As the API has them: see server/domain/filters/terms.ts.
  terms jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name)
);

-- Counters, so that no page counts rows. A row per shard: devices that change at once do not wait for each other.
CREATE TABLE device_counts (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  -- 'status:accepted' and so on; 'group:NAME' counts the accepted devices of a group.
  what text NOT NULL,
  shard smallint NOT NULL,
  n bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, what, shard)
) WITH (fillfactor = 50);

-- Releases ---------------------------------------------------------------------------------------------------------

CREATE TABLE releases (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  name text NOT NULL,
  tags text[] NOT NULL DEFAULT '{}',
  notes text NOT NULL DEFAULT '',
  modified_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);
CREATE INDEX releases_tags ON releases USING gin (tags);

CREATE TABLE artifacts (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  -- In the object store. The bytes are never in the database.
  object_key text NOT NULL,
  size bigint NOT NULL,
  sha256 text NOT NULL,
  format_version int NOT NULL,
  signed boolean NOT NULL,
  -- The name of the key that verifies its signature, of those that were uploaded.
  signed_by text,
  device_types text[] NOT NULL,
  -- The depends and provides of the whole Artifact, as a device compares them.
  depends jsonb NOT NULL,
  provides jsonb NOT NULL,
  clears_provides text[] NOT NULL DEFAULT '{}',
  -- As the management API shows them: type_info, files, metadata.
  updates jsonb NOT NULL,
  scripts text[] NOT NULL DEFAULT '{}',
  created_at timestamptz NOT NULL DEFAULT now(),
  modified_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, name) REFERENCES releases
);
CREATE INDEX artifacts_by_name ON artifacts (tenant_id, name, id);

-- What the signature of an artifact is made for, and the signature: for keys that are uploaded later.
CREATE TABLE artifact_signatures (
  tenant_id uuid NOT NULL,
  artifact_id uuid NOT NULL,
  manifest bytea NOT NULL,
  signature bytea NOT NULL,
  PRIMARY KEY (tenant_id, artifact_id),
  FOREIGN KEY (tenant_id, artifact_id) REFERENCES artifacts ON DELETE CASCADE
);

-- Public keys that sign artifacts.
CREATE TABLE signing_keys (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  name text NOT NULL,
  algorithm text NOT NULL,
  pem text NOT NULL,
  -- SHA-256 of its DER form.
  fingerprint text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name),
  UNIQUE (tenant_id, fingerprint)
);

-- Channels of releases: dev, beta, stable ...
CREATE TABLE channels (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  -- The channel in which a release must have been before.
  after text,
  -- Names of signing keys of which one must have signed. NULL: any artifact, signed or not. Empty: any known key.
  keys text[],
  -- How many people other than the promoter must approve.
  approvals int NOT NULL DEFAULT 0,
  -- The release that it has now.
  release text,
  released_at timestamptz,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);

CREATE TABLE promotions (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  channel text NOT NULL,
  release text NOT NULL,
  state text NOT NULL CHECK (state IN ('waiting', 'done', 'rejected', 'superseded')),
  note text NOT NULL DEFAULT '',
  -- People as {"id": ..., "email": ...}.
  by jsonb NOT NULL,
  approved jsonb NOT NULL DEFAULT '[]',
  rejected_by jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  decided_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, channel) REFERENCES channels ON DELETE CASCADE
);
-- The devices of a dynamic group get the release of a channel, whichever it is.
CREATE TABLE continuous_deployments (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  name text NOT NULL,
  channel text NOT NULL,
  filter_id uuid NOT NULL,
  plan jsonb,
  retries int NOT NULL DEFAULT 0,
  -- Who made it: {"id": ..., "email": ...}.
  by jsonb NOT NULL,
  -- The deployment of the present release.
  deployment_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name),
  FOREIGN KEY (tenant_id, channel) REFERENCES channels,
  FOREIGN KEY (tenant_id, filter_id) REFERENCES filters
);

CREATE INDEX promotions_by_channel ON promotions (tenant_id, channel, created_at);

-- Objects whose upload has begun and that no artifact names yet. What a crash leaves here is removed later.
CREATE TABLE uploads (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  object_key text NOT NULL,
  -- 'stream' ends with its request; 'direct' waits for the client's word until it expires.
  kind text NOT NULL,
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

-- Deployments ------------------------------------------------------------------------------------------------------

CREATE TABLE deployments (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  -- The order in which devices take deployments.
  seq bigint GENERATED ALWAYS AS IDENTITY,
  name text NOT NULL,
  artifact_name text NOT NULL,
  kind text NOT NULL DEFAULT 'software' CHECK (kind IN ('software', 'configuration')),
  -- {"kind": "all"} | {"kind": "group", "group": ...} | {"kind": "list"}: the list is in deployment_targets.
  -- {"kind": "filter", "filter": ...}: the devices that match, also those that match later.
  -- {"kind": "updated", "deployment": ...}: the devices that got that deployment.
  target jsonb NOT NULL,
  -- Whether it has a plan: see the table rollouts.
  is_rollout boolean NOT NULL DEFAULT false,
  force_installation boolean NOT NULL DEFAULT false,
  retries int NOT NULL DEFAULT 0,
  update_control_map jsonb,
  configuration jsonb,
  state text NOT NULL DEFAULT 'pending' CHECK (state IN ('pending', 'inprogress', 'finished', 'aborted')),
  -- How many devices it had at its creation.
  device_count bigint NOT NULL,
  created_by jsonb,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  finished_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, seq)
);
CREATE INDEX deployments_running ON deployments (tenant_id, seq) WHERE state IN ('pending', 'inprogress');
CREATE INDEX deployments_by_state ON deployments (tenant_id, state, created_at, id);
CREATE INDEX deployments_by_release ON deployments (tenant_id, artifact_name);

CREATE TABLE deployment_targets (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  device_id uuid NOT NULL,
  PRIMARY KEY (tenant_id, deployment_id, device_id),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
);
CREATE INDEX deployment_targets_by_device ON deployment_targets (tenant_id, device_id);

-- The row of a device is made when it first asks.
CREATE TABLE device_deployments (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  device_id uuid NOT NULL,
  status text NOT NULL,
  substate text,
  -- Why it has this status, if the device did not report it: a code of server/domain/selection.
  reason text,
  -- What it got in this attempt, and what it said of itself when it got it.
  artifact_id uuid,
  device_type text,
  from_artifact text,
  attempts int NOT NULL DEFAULT 1,
  has_log boolean NOT NULL DEFAULT false,
  -- Why its present attempt failed: see failure_causes. A log may come before the status.
  cause text,
  -- The wave of a rollout in which the device began. -1: none, as for all devices of a deployment without a plan.
  wave smallint NOT NULL DEFAULT -1,
  created_at timestamptz NOT NULL DEFAULT now(),
  started_at timestamptz,
  -- When it got the status that it has.
  changed_at timestamptz NOT NULL DEFAULT now(),
  finished_at timestamptz,
  -- The history of a device that a person has cleared.
  deleted_at timestamptz,
  PRIMARY KEY (tenant_id, deployment_id, device_id),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX device_deployments_active ON device_deployments (tenant_id, device_id) WHERE finished_at IS NULL;
CREATE INDEX device_deployments_history ON device_deployments (tenant_id, device_id, created_at);
CREATE INDEX device_deployments_by_age ON device_deployments (tenant_id, deployment_id, created_at, device_id);
-- Which devices of a rollout are under way for too long.
CREATE INDEX device_deployments_under_way ON device_deployments (tenant_id, deployment_id, started_at)
  WHERE finished_at IS NULL AND wave >= 0;
-- How the devices of a rollout are that were updated or that failed.
CREATE INDEX device_deployments_updated ON device_deployments (tenant_id, deployment_id, wave, device_id)
  WHERE status = 'success' AND wave >= 0;
CREATE INDEX device_deployments_failed ON device_deployments (tenant_id, deployment_id, device_id)
  WHERE status = 'failure' AND wave >= 0;
-- Examples of a cause, and what its devices have in common.
CREATE INDEX device_deployments_by_cause ON device_deployments (tenant_id, deployment_id, cause, device_id)
  WHERE cause IS NOT NULL;

-- Why devices of a deployment fail: a row for each signature, and no more than some hundred for a deployment.
CREATE TABLE failure_causes (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  -- A hash of the kind and the signature, or no_log, or other: see server/domain/failures.
  cause text NOT NULL,
  kind text NOT NULL CHECK (kind IN ('line', 'no_log', 'server', 'other')),
  signature text NOT NULL,
  -- The first device that failed so, with its line of the log.
  device_id uuid NOT NULL,
  line text NOT NULL,
  PRIMARY KEY (tenant_id, deployment_id, cause),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
);

-- How many devices have failed by each cause.
CREATE TABLE failure_counts (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  cause text NOT NULL,
  wave smallint NOT NULL,
  shard smallint NOT NULL,
  n bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, deployment_id, cause, wave, shard),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
) WITH (fillfactor = 50);

CREATE TABLE deployment_counts (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  status text NOT NULL,
  wave smallint NOT NULL,
  shard smallint NOT NULL,
  n bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, deployment_id, status, wave, shard),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
) WITH (fillfactor = 50);

-- How the counts changed in each minute. Kept for 400 days.
CREATE TABLE deployment_series (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  minute timestamptz NOT NULL,
  status text NOT NULL,
  shard smallint NOT NULL,
  change bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, deployment_id, minute, status, shard),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
);
CREATE INDEX deployment_series_age ON deployment_series (minute);

-- A deployment with a plan. Only the reducer changes it: see server/domain/rollout.
CREATE TABLE rollouts (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  plan jsonb NOT NULL,
  memory jsonb NOT NULL,
  -- How many reports there were at which time, for a halt rule with a window.
  samples jsonb NOT NULL DEFAULT '[]',
  -- What the counters were when the reducer looked last.
  seen text NOT NULL DEFAULT '',
  -- Counts its decisions.
  rev int NOT NULL DEFAULT 0,
  -- Devices whose rank is below may begin, and those of these groups.
  door_below double precision NOT NULL DEFAULT 0,
  door_groups text[] NOT NULL DEFAULT '{}',
  -- Why no device may begin now: a code of server/domain/selection.
  closed text,
  -- When devices that wait may begin: see server/domain/rollout/come-back.ts.
  reopens jsonb,
  -- How it has ended.
  ended text,
  PRIMARY KEY (tenant_id, deployment_id),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
) WITH (fillfactor = 50);

-- How many devices of a rollout may have begun, and have. A device begins only if it can add 1 to n. A row per shard:
-- devices that begin at once rarely wait for each other.
CREATE TABLE rollout_places (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  shard smallint NOT NULL,
  -- The wave of the next device that begins.
  wave smallint NOT NULL DEFAULT 0,
  cap bigint NOT NULL DEFAULT 0,
  n bigint NOT NULL DEFAULT 0,
  PRIMARY KEY (tenant_id, deployment_id, shard),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES rollouts ON DELETE CASCADE
) WITH (fillfactor = 50);

-- How many bytes the devices of a tenant may download in a second. NULL: any number.
CREATE TABLE download_limits (
  tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
  rev int NOT NULL,
  bytes_per_second bigint,
  site_bytes_per_second bigint,
  -- The addresses of a site have so many first bits in common.
  ipv4_prefix smallint NOT NULL,
  ipv6_prefix smallint NOT NULL
);

-- Until when downloads that have begun use up a budget, of the tenant, of a rollout, or of a site. A device begins only
-- if all budgets that it needs are free: see server/domain/downloads.
CREATE TABLE download_budgets (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  key text NOT NULL,
  free_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, key)
) WITH (fillfactor = 50);

-- What was decided, by the reducer or by a person.
CREATE TABLE rollout_decisions (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  seq int NOT NULL,
  at timestamptz NOT NULL,
  code text NOT NULL,
  facts jsonb NOT NULL,
  -- Who: {"id": ..., "email": ...}. Without it, the plan.
  by jsonb,
  PRIMARY KEY (tenant_id, deployment_id, seq),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES rollouts ON DELETE CASCADE
);

CREATE TABLE deployment_logs (
  tenant_id uuid NOT NULL,
  deployment_id uuid NOT NULL,
  device_id uuid NOT NULL,
  -- JSON of the messages, compressed with gzip.
  messages bytea NOT NULL,
  truncated boolean NOT NULL DEFAULT false,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, deployment_id, device_id),
  FOREIGN KEY (tenant_id, deployment_id) REFERENCES deployments ON DELETE CASCADE
);

CREATE TABLE device_configurations (
  tenant_id uuid NOT NULL,
  device_id uuid NOT NULL,
  configured jsonb NOT NULL DEFAULT '{}',
  reported jsonb NOT NULL DEFAULT '{}',
  deployment_id uuid,
  reported_at timestamptz,
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, device_id),
  FOREIGN KEY (tenant_id, device_id) REFERENCES devices ON DELETE CASCADE
);

-- People -----------------------------------------------------------------------------------------------------------

CREATE TABLE users (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  email text NOT NULL,
  -- 'none' until an invitation is accepted, and of who signs in by a provider alone.
  password_hash text NOT NULL,
  -- Names of roles. Without any, a user has only their own account.
  roles text[] NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  login_at timestamptz,
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, email)
);

-- Roles that a tenant has made. The built-in ones are in server/domain/permissions/matrix.ts.
CREATE TABLE roles (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  name text NOT NULL,
  description text NOT NULL DEFAULT '',
  -- [{"name": permission set, "scope": {"type": "DeviceGroups" | "ReleaseTags", "value": [...]}}]
  sets jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, name)
);

-- OpenID providers by which people of a tenant sign in.
CREATE TABLE identity_providers (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  name text NOT NULL,
  issuer text NOT NULL,
  client_id text NOT NULL,
  -- Never shown again. NULL: the server is a public client.
  client_secret text,
  -- Who may sign in, and with which roles: see server/domain/sign-in.
  rules jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  updated_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  UNIQUE (tenant_id, name),
  UNIQUE (tenant_id, issuer)
);

-- Finds the tenant of a provider: whoever begins to sign in has no token. Not under row-level security, as logins.
CREATE TABLE provider_tenants (
  provider_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  FOREIGN KEY (tenant_id, provider_id) REFERENCES identity_providers ON DELETE CASCADE
);

-- Which user a person is that an issuer knows by this subject.
CREATE TABLE identities (
  tenant_id uuid NOT NULL,
  issuer text NOT NULL,
  subject text NOT NULL,
  user_id uuid NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  signed_in_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, issuer, subject),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX identities_by_user ON identities (tenant_id, user_id);

-- Sign-ins that wait for the provider's answer, each good once. Not under row-level security: the answer names no tenant.
CREATE TABLE sign_ins (
  -- SHA-256 of the state that comes back, and of the cookie of the browser that began.
  state_hash bytea PRIMARY KEY,
  browser_hash bytea NOT NULL,
  tenant_id uuid NOT NULL,
  provider_id uuid NOT NULL,
  address text NOT NULL,
  nonce text NOT NULL,
  verifier text NOT NULL,
  redirect_uri text NOT NULL,
  -- {"kind": "page", "path": ...} | {"kind": "program", "port": ..., "challenge": ...}
  target jsonb NOT NULL,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (tenant_id, provider_id) REFERENCES identity_providers ON DELETE CASCADE
);
CREATE INDEX sign_ins_by_address ON sign_ins (address, expires_at);

-- People whom a provider has signed in, and who fetch their token. Each is good once. Not under row-level security.
CREATE TABLE handovers (
  -- SHA-256 of the code.
  code_hash bytea PRIMARY KEY,
  tenant_id uuid NOT NULL,
  provider_id uuid NOT NULL,
  user_id uuid NOT NULL,
  -- Of a program: the SHA-256 of what it must show. Without it, the code is good from the cookie only.
  challenge text,
  expires_at timestamptz NOT NULL,
  FOREIGN KEY (tenant_id, provider_id) REFERENCES identity_providers ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);

-- Sessions of people and their personal access tokens. The id is the jti of the token.
CREATE TABLE sessions (
  tenant_id uuid NOT NULL,
  id uuid NOT NULL,
  user_id uuid NOT NULL,
  kind text NOT NULL CHECK (kind IN ('session', 'token')),
  name text,
  expires_at timestamptz,
  -- A session of the console also ends if it was not used for so long.
  idle_s integer,
  last_used_at timestamptz,
  -- Where it was made, by which program, and where it was used last.
  address text,
  user_agent text,
  last_address text,
  -- Of a session that a provider has begun.
  provider_id uuid,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, provider_id) REFERENCES identity_providers ON DELETE CASCADE
);
CREATE UNIQUE INDEX sessions_token_names ON sessions (tenant_id, user_id, name) WHERE kind = 'token';
CREATE INDEX sessions_by_user ON sessions (tenant_id, user_id, kind, created_at);

-- The second factor of a user: a secret that an app has, too.
CREATE TABLE second_factors (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  secret bytea NOT NULL,
  -- When a code has shown that the app has the secret. Until then, no login asks for it.
  verified_at timestamptz,
  -- The time step of the last code that was used: no code is good twice.
  last_step bigint NOT NULL DEFAULT 0,
  -- SHA-256 of the recovery codes that are left.
  recovery_hashes text[] NOT NULL DEFAULT '{}',
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);

-- Failed logins of accounts that exist: the audit log gets one record of them an hour, with their number.
CREATE TABLE login_failures (
  tenant_id uuid NOT NULL,
  user_id uuid NOT NULL,
  -- Those that no record tells of yet, and since when.
  unrecorded bigint NOT NULL,
  since timestamptz,
  -- Of the last one, as the audit log has it.
  origin jsonb NOT NULL,
  recorded_at timestamptz,
  PRIMARY KEY (tenant_id, user_id),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);

-- Links by which people set a password. Each is good once: its row goes when it is used.
CREATE TABLE password_links (
  tenant_id uuid NOT NULL,
  -- SHA-256 of what the link has. Nobody can make a link from it.
  token_hash bytea NOT NULL,
  user_id uuid NOT NULL,
  purpose text NOT NULL CHECK (purpose IN ('invitation', 'reset')),
  expires_at timestamptz NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, token_hash),
  FOREIGN KEY (tenant_id, user_id) REFERENCES users ON DELETE CASCADE
);
CREATE INDEX password_links_by_user ON password_links (tenant_id, user_id);

-- How people of a tenant sign in. Without a row, by a password.
CREATE TABLE sign_in_rules (
  tenant_id uuid PRIMARY KEY REFERENCES tenants ON DELETE CASCADE,
  second_factor text NOT NULL DEFAULT 'optional' CHECK (second_factor IN ('optional', 'required')),
  passwords text NOT NULL DEFAULT 'on' CHECK (passwords IN ('on', 'off')),
  -- The users who log in with a password nevertheless.
  break_glass uuid[] NOT NULL DEFAULT '{}'
);

-- Streams end with their session.
CREATE FUNCTION session_ends() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('switchback',
    json_build_object('tenant', OLD.tenant_id, 'what', 'session', 'session', OLD.id)::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER session_ends AFTER DELETE ON sessions FOR EACH ROW EXECUTE FUNCTION session_ends();

-- Settings of the tenant (user_id is the zero UUID) and of people.
CREATE TABLE settings (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  user_id uuid NOT NULL,
  value jsonb NOT NULL,
  rev bigint NOT NULL DEFAULT 1,
  PRIMARY KEY (tenant_id, user_id)
);

-- Appended only. Each row has the hash of the one before it. A tenant that has records cannot be deleted.
CREATE TABLE audit (
  tenant_id uuid NOT NULL REFERENCES tenants,
  seq bigint NOT NULL,
  -- In milliseconds, as the hash covers it.
  at timestamptz NOT NULL DEFAULT date_trunc('milliseconds', now()),
  -- {"type": "user", "id": ..., "email": ..., "session": ..., "token": name} | {"type": "operator", "id": ...}
  actor jsonb NOT NULL,
  -- {"address": ..., "agent": ...}
  origin jsonb NOT NULL,
  action text NOT NULL,
  object jsonb NOT NULL,
  change text NOT NULL DEFAULT '',
  -- {"name": {"before": ..., "after": ...}}, without secrets.
  difference jsonb NOT NULL DEFAULT '{}',
  request_id text,
  previous_hash bytea NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (tenant_id, seq)
);

-- Where the log of each tenant ends. Whoever appends locks the row. It is not under row-level security, because a process
-- looks for the ends of all tenants.
CREATE TABLE audit_ends (
  tenant_id uuid PRIMARY KEY REFERENCES tenants,
  seq bigint NOT NULL DEFAULT 0,
  hash bytea NOT NULL
) WITH (fillfactor = 50);

-- How far the log of each tenant has come to each collector of syslog. It is not under row-level security, because a process
-- looks for the logs of all tenants.
CREATE TABLE audit_streams (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  -- The address of the collector.
  destination text NOT NULL,
  -- The number of the last record that has arrived.
  seq bigint NOT NULL DEFAULT 0,
  -- Attempts that have failed since one has succeeded.
  failures int NOT NULL DEFAULT 0,
  due_at timestamptz NOT NULL DEFAULT now(),
  -- Until when a process works for it.
  claimed_until timestamptz,
  PRIMARY KEY (tenant_id, destination)
);

-- A record follows the last one, or it is refused.
CREATE FUNCTION audit_append() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE audit_ends SET seq = NEW.seq, hash = NEW.hash
    WHERE tenant_id = NEW.tenant_id AND seq = NEW.seq - 1 AND hash = NEW.previous_hash;
  IF NOT FOUND THEN
    RAISE EXCEPTION 'audit record % does not follow the last one', NEW.seq USING ERRCODE = 'integrity_constraint_violation';
  END IF;
  RETURN NEW;
END
$$;
CREATE TRIGGER audit_append BEFORE INSERT ON audit FOR EACH ROW EXECUTE FUNCTION audit_append();

-- Records stay as they are, for the server as well. The owner of a table can still switch its triggers off, and a
-- superuser can do anything: that is what the hashes and the anchors outside of the database are for.
CREATE FUNCTION audit_keep() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  RAISE EXCEPTION 'the audit log is appended only: % of % is refused', TG_OP, TG_TABLE_NAME
    USING ERRCODE = 'insufficient_privilege';
END
$$;
CREATE TRIGGER audit_keep BEFORE UPDATE OR DELETE ON audit FOR EACH ROW EXECUTE FUNCTION audit_keep();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit FOR EACH STATEMENT EXECUTE FUNCTION audit_keep();
-- An end moves only when a record is appended.
CREATE TRIGGER audit_keep BEFORE UPDATE ON audit_ends FOR EACH ROW WHEN (pg_trigger_depth() = 0)
  EXECUTE FUNCTION audit_keep();
CREATE TRIGGER audit_keep_rows BEFORE DELETE ON audit_ends FOR EACH ROW EXECUTE FUNCTION audit_keep();
CREATE TRIGGER audit_keep_all BEFORE TRUNCATE ON audit_ends FOR EACH STATEMENT EXECUTE FUNCTION audit_keep();
REVOKE UPDATE, DELETE, TRUNCATE ON audit FROM CURRENT_USER;

-- Answers to requests with an Idempotency-Key.
CREATE TABLE idempotency (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  key text NOT NULL,
  request_hash bytea NOT NULL,
  status int NOT NULL,
  location text,
  body text NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, key)
);

CREATE INDEX idempotency_age ON idempotency (tenant_id, created_at);

-- The outbox: what happened, written in the transaction in which it happened. It is not under row-level security, because
-- one process takes the events of all tenants from it.
CREATE TABLE outbox (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  key uuid NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL DEFAULT now()
);

-- Events with numbers, which they get after their commit, one process at a time: a reader that has seen a number has not
-- missed a smaller one.
CREATE TABLE events (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id bigint GENERATED ALWAYS AS IDENTITY,
  -- Stays the same if the event is sent twice.
  key uuid NOT NULL,
  type text NOT NULL,
  data jsonb NOT NULL,
  created_at timestamptz NOT NULL,
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE webhooks (
  tenant_id uuid NOT NULL REFERENCES tenants ON DELETE CASCADE,
  id uuid NOT NULL,
  url text NOT NULL,
  -- The key of its signatures, which is never shown again.
  secret bytea,
  description text NOT NULL DEFAULT '',
  events text[] NOT NULL,
  -- Attempts that failed since the last one that succeeded, and since when.
  failures int NOT NULL DEFAULT 0,
  failing_since timestamptz,
  disabled_at timestamptz,
  disabled_reason text,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, id)
);

CREATE TABLE webhook_deliveries (
  tenant_id uuid NOT NULL,
  webhook_id uuid NOT NULL,
  event_id bigint NOT NULL,
  state text NOT NULL DEFAULT 'waiting' CHECK (state IN ('waiting', 'delivered', 'failed')),
  attempts int NOT NULL DEFAULT 0,
  next_at timestamptz NOT NULL DEFAULT now(),
  attempted_at timestamptz,
  -- Of the last attempt.
  status int,
  error text,
  duration_ms int,
  created_at timestamptz NOT NULL DEFAULT now(),
  PRIMARY KEY (tenant_id, webhook_id, event_id),
  FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE,
  FOREIGN KEY (tenant_id, event_id) REFERENCES events ON DELETE CASCADE
) WITH (fillfactor = 80);
CREATE INDEX webhook_deliveries_waiting ON webhook_deliveries (tenant_id, webhook_id, next_at) WHERE state = 'waiting';
CREATE INDEX webhook_deliveries_by_event ON webhook_deliveries (tenant_id, event_id);

-- When each webhook has something to deliver, and until when a process works for it. It is not under row-level security,
-- because processes look for webhooks of all tenants.
CREATE TABLE webhook_queues (
  webhook_id uuid PRIMARY KEY,
  tenant_id uuid NOT NULL,
  due_at timestamptz NOT NULL DEFAULT 'infinity',
  claimed_until timestamptz,
  FOREIGN KEY (tenant_id, webhook_id) REFERENCES webhooks ON DELETE CASCADE
);
CREATE INDEX webhook_queues_due ON webhook_queues (due_at);

-- Processes keep the running deployments and their artifacts in memory.
CREATE FUNCTION running_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  PERFORM pg_notify('switchback',
    json_build_object('tenant', coalesce(NEW.tenant_id, OLD.tenant_id), 'what', 'deployment')::text);
  RETURN NULL;
END
$$;
CREATE TRIGGER running_changes AFTER INSERT OR UPDATE OR DELETE ON deployments
  FOR EACH ROW EXECUTE FUNCTION running_changes();
CREATE TRIGGER running_changes AFTER INSERT OR UPDATE OR DELETE ON artifacts
  FOR EACH ROW EXECUTE FUNCTION running_changes();
CREATE TRIGGER running_changes AFTER UPDATE ON rollouts FOR EACH ROW
  WHEN ((OLD.rev, OLD.door_below, OLD.door_groups, OLD.closed, OLD.reopens)
    IS DISTINCT FROM (NEW.rev, NEW.door_below, NEW.door_groups, NEW.closed, NEW.reopens))
  EXECUTE FUNCTION running_changes();
CREATE TRIGGER running_changes AFTER INSERT OR UPDATE ON download_limits
  FOR EACH ROW EXECUTE FUNCTION running_changes();

-- A device that a deployment to a filter has not reached may match after a change.
CREATE FUNCTION inventory_changes() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF EXISTS (SELECT FROM deployments WHERE tenant_id = NEW.tenant_id AND state IN ('pending', 'inprogress')
      AND target->>'kind' = 'filter') THEN
    PERFORM pg_notify('switchback',
      json_build_object('tenant', NEW.tenant_id, 'what', 'facts', 'device', NEW.device_id)::text);
  END IF;
  RETURN NULL;
END
$$;
CREATE TRIGGER inventory_changes AFTER UPDATE ON inventory FOR EACH ROW
  WHEN ((OLD.attributes, OLD.tags, OLD.group_name, OLD.status)
    IS DISTINCT FROM (NEW.attributes, NEW.tags, NEW.group_name, NEW.status))
  EXECUTE FUNCTION inventory_changes();

DO $$
DECLARE name text;
BEGIN
  FOREACH name IN ARRAY ARRAY['devices', 'auth_sets', 'enrolment_rules', 'device_state', 'inventory', 'filters',
    'device_counts', 'releases',
    'artifacts', 'artifact_signatures', 'signing_keys', 'channels', 'promotions', 'continuous_deployments', 'uploads', 'deployments', 'deployment_targets', 'device_deployments', 'failure_causes',
    'failure_counts', 'deployment_counts',
    'deployment_series', 'rollouts', 'rollout_places', 'rollout_decisions', 'download_limits', 'download_budgets',
    'deployment_logs', 'device_configurations',
    'users', 'roles', 'identity_providers', 'identities', 'sessions', 'second_factors', 'login_failures',
    'password_links', 'sign_in_rules',
    'settings', 'audit',
    'idempotency', 'events', 'webhooks', 'webhook_deliveries']
  LOOP
    EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
    EXECUTE format('CREATE POLICY tenant ON %I USING (tenant_id = app_tenant()) WITH CHECK (tenant_id = app_tenant())',
      name);
  END LOOP;
END
$$;

-- Row-level security keeps the planner from using an operator that is not leakproof as the condition of an index, and
-- those of jsonb are not. The owner is therefore not subject to it in this one table: whoever shows its rows joins
-- devices by the id alone, whose policy keeps tenants apart. What a search only counts, it asks for by the tenant.
ALTER TABLE inventory NO FORCE ROW LEVEL SECURITY;
