"""The training set with Polars' join_asof.  pit_polars.py SPINE_FILES EVENT_FILES"""

import json
import sys

import polars as pl

FEATURES = ["f1", "f2", "f3", "f4", "f5"]


def main(spine: str, events: str) -> None:
    asked = pl.scan_parquet(spine).sort("asked_at")
    known = pl.scan_parquet(events).sort("known_at")
    joined = asked.join_asof(
        known, left_on="asked_at", right_on="known_at", by="entity", strategy="backward", tolerance="7d", check_sortedness=False
    )
    totals = joined.select(
        pl.len().alias("rows"),
        pl.sum_horizontal(pl.col(name).count() for name in FEATURES).alias("found"),
        pl.sum_horizontal(pl.col(name).sum() for name in FEATURES).alias("sum"),
    ).collect()
    print(json.dumps(totals.row(0, named=True)))


if __name__ == "__main__":
    main(*sys.argv[1:])
