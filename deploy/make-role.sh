#!/bin/sh
# Runs once, in the container of PostgreSQL: makes the role and the database of the server.
set -eu
password=$(cat /run/secrets/postgres-password)
psql --username postgres --set ON_ERROR_STOP=1 --set password="$password" <<'SQL'
CREATE ROLE switchback LOGIN PASSWORD :'password';
CREATE DATABASE switchback OWNER switchback;
SQL
