#!/bin/sh
# Runs once, in an empty database: the role of the exporter, which owns its schema and reads the watched tables.
set -eu
psql -v ON_ERROR_STOP=1 --username "${POSTGRES_USER:-postgres}" --dbname "$POSTGRES_DB" <<'SQL'
\set password `cat /run/secrets/flowgauge_password`
CREATE ROLE flowgauge LOGIN PASSWORD :'password' CONNECTION LIMIT 40;
CREATE SCHEMA flowgauge AUTHORIZATION flowgauge;
GRANT USAGE ON SCHEMA public TO flowgauge;
ALTER DEFAULT PRIVILEGES IN SCHEMA public GRANT SELECT ON TABLES TO flowgauge;
SQL
