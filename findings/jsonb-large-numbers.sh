#!/usr/bin/env bash
# Question: Python writes floats with json.dumps into a jsonb column of PostgreSQL and reads them back
#   with json.loads, as psycopg does. Are they the same values, of the same types?
# A good guess: yes. JSON's numbers have a notation that Python reads as it wrote it, and jsonb keeps
#   numbers exactly, with a type that is wider than a float.
# What happens: jsonb keeps the value and not the notation: an exponent is written out, without a
#   point. From 1e16 on a float comes back as an int. 1e300 comes back as an int of 301 digits, which
#   is 10 to the 300th and does not equal the float that was written; -0.0 comes back as 0.0. A column
#   of type json gives back what was written.
# Versions: PostgreSQL 16.2 (pgserver 0.1.4), psycopg 3.3.9.
# Consequence: a state or a schema that tells floats from ints is refused, or changes its digest, after
#   a visit to jsonb. Keep such documents as text or json, or check their floats by value when reading.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
python3 -m venv "$work/venv"
"$work/venv/bin/pip" install --quiet --no-compile pgserver==0.1.4 'psycopg[binary]==3.3.9'
cd "$work"
"$work/venv/bin/python" -W ignore - <<'PYTHON'
import json
import math

import pgserver
import psycopg

FLOATS = (0.1, 1e15, 1e16, 123456789012345678.0, 1e300, -0.0)
with pgserver.get_server("data") as server, psycopg.connect(server.get_uri()) as connection:
    (version,) = connection.execute("show server_version").fetchone()
    print(f"PostgreSQL {version}, psycopg {psycopg.__version__}")
    back = {}
    for kind in ("json", "jsonb"):
        for number in FLOATS:
            (back[kind, number],) = connection.execute(
                f"select %s::{kind}", (json.dumps(number),)
            ).fetchone()
            one = back[kind, number]
            same = "the same value" if one == number else "another value"
            print(f"{kind}: {number!r} -> {type(one).__name__} {repr(one)[:24]}, {same}")

for number in FLOATS:
    one = back["json", number]
    assert type(one) is float and one == number and math.copysign(1, one) == math.copysign(1, number)
assert type(back["jsonb", 0.1]) is type(back["jsonb", 1e15]) is float
assert type(back["jsonb", 1e16]) is type(back["jsonb", 123456789012345678.0]) is int
assert back["jsonb", 1e300] == 10**300 != 1e300
assert math.copysign(1, back["jsonb", -0.0]) == 1
PYTHON
