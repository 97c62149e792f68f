"""All tables and views of a DuckDB file as JSON: {"schema"."table": [row, ...]}.

    python read_duckdb.py FILE [--tables]

`--tables` leaves views out."""

import json
import sys

import duckdb

connection = duckdb.connect(sys.argv[1], read_only=True)
connection.execute("set TimeZone = 'UTC'")
tables = connection.execute(
    "select table_schema, table_name from information_schema.tables where table_schema <> 'information_schema'"
    + (" and table_type = 'BASE TABLE'" if "--tables" in sys.argv[2:] else "")
).fetchall()
found = {}
for schema, table in tables:
    answer = connection.execute(f'select * from "{schema}"."{table}" limit 0')
    names = [column[0] for column in answer.description]
    # A 32-bit float by the digits that it is written with, not as the double that holds it; intervals in DuckDB's words.
    texts = {"FLOAT": "varchar::double", "INTERVAL": "varchar"}
    written = [f'"{name}"::{texts[str(of)]} as "{name}"' for name, of, *_ in answer.description if str(of) in texts]
    replaced = f"replace ({', '.join(written)})" if written else ""
    answer = connection.execute(f'select * {replaced} from "{schema}"."{table}"')
    found[f'"{schema}"."{table}"'] = [dict(zip(names, row)) for row in answer.fetchall()]
json.dump(found, sys.stdout, default=str)
