#!/usr/bin/env bash
# Every view on ten million generated events: run.sh CONNINFO [SCALE], where CONNINFO is of an empty database that was migrated.
# Prints what each view read and took, and fails when one scans an event table, reads more the more days there are, takes
# seconds, or was not asked at all.
set -euo pipefail
[[ $# -ge 1 ]] || { printf 'usage: %s CONNINFO [SCALE]\n' "$0" >&2; exit 64; }
here=$(cd "$(dirname "$0")" && pwd)
psql -X -q -v ON_ERROR_STOP=1 ${2:+-v scale="$2"} -d "$1" -f "$here/ten_million.sql"
failed=$(psql -X -A -t -d "$1" -c "SELECT count(*) FROM volume.verdict WHERE fault <> ''")
[[ $failed == 0 ]] || { printf 'error: %s views failed, see the column verdict\n' "$failed" >&2; exit 1; }
