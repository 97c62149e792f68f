"""Loads the example's files into DuckDB as our ingest would, for dbt to start from.

    load_raw.py DATA_FOLDER DATABASE_FILE
"""

import sys

import duckdb

MONTHLY = ["flights", "weather"]
WHOLE = ["planes", "airports", "airlines"]
# The one rule of ingest/ that holds a row.
RULES = {"weather": "wind_speed is null or wind_speed between 0 and 250"}


def main(data: str, database: str) -> None:
    connection = duckdb.connect(database)
    connection.execute("set timezone = 'UTC'")
    connection.execute("create schema raw")
    for table in MONTHLY + WHOLE:
        files = f"{data}/{table}/*.csv.gz" if table in MONTHLY else f"{data}/{table}.csv.gz"
        connection.execute(f"""
            create table raw.{table} as
            select
                * exclude (filename),
                filename as _file,
                row_number() over (partition by filename) + 1 as _line,
                now() as _loaded_at,
                substr(md5(filename), 1, 16) as _load_id
            from read_csv('{files}', nullstr = 'NA', sample_size = -1, filename = true, parallel = false)
            where {RULES.get(table, "true")}
        """)
    connection.close()


if __name__ == "__main__":
    main(*sys.argv[1:])
