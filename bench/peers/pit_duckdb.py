"""The training set with DuckDB's ASOF join.  pit_duckdb.py SPINE_FILES EVENT_FILES"""

import json
import sys

import duckdb

FEATURES = ["f1", "f2", "f3", "f4", "f5"]


def main(spine: str, events: str) -> None:
    connection = duckdb.connect()
    connection.execute("set threads = 2")
    connection.execute("set timezone = 'UTC'")
    # The ttl hides the whole row, so it is one condition a column here.
    values = [f"case when e.known_at >= s.asked_at - interval 7 days then e.{name} end as {name}" for name in FEATURES]
    totals = [f"count({name})" for name in FEATURES], [f"coalesce(sum({name}), 0)" for name in FEATURES]
    rows, found, total = connection.execute(f"""
        with joined as (
            select s.*, {", ".join(values)}
            from read_parquet('{spine}') as s
            asof left join read_parquet('{events}') as e
                on e.entity = s.entity and s.asked_at >= e.known_at
        )
        select count(*), {" + ".join(totals[0])}, {" + ".join(totals[1])} from joined
    """).fetchone()
    print(json.dumps({"rows": rows, "found": found, "sum": total}))


if __name__ == "__main__":
    main(*sys.argv[1:])
