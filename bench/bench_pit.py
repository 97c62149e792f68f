"""The training set: 1,000,000 questions against 10,000,000 feature rows, 5 features, ttl 7 days.

About ten feature rows an entity, in no order. Everybody reads the same Parquet files (those of our Delta
tables), joins, and adds up what came out: rows, values found, their sum. The three must agree.
"""

import json

from harness import HERE, PROCESS, Bench, measured, tables


def run(bench: Bench) -> None:
    program, peers = bench.example("forebay-lake", "pit_bench"), bench.peers("data")
    spine, rows = (10_000, 100_000) if bench.small else (1_000_000, 10_000_000)
    folder = bench.folder("pit")
    measured([program, "prepare", folder, spine, rows])
    files = {table: f"{folder}/warehouse/bench/{table}/*.parquet" for table in ("spine", "events")}

    def peer(name: str):
        return lambda: measured([peers / "python", HERE / "peers" / f"pit_{name}.py", files["spine"], files["events"]])

    found = bench.in_turn({
        "forebay": lambda: measured([program, "join", folder]),
        "DuckDB ASOF": peer("duckdb"),
        "Polars join_asof": peer("polars"),
    })
    agree(found)
    tables(found, PROCESS)


def agree(found: dict) -> None:
    """Rows, values found, and their sum (of millions of floats: in another order, so not to the last digit)."""
    answers = {name: json.loads(samples[0].output.strip().splitlines()[-1]) for name, samples in found.items()}
    first = answers["forebay"]
    for name, answer in answers.items():
        same = answer["rows"] == first["rows"] and answer["found"] == first["found"]
        if not same or abs(answer["sum"] - first["sum"]) > 1e-6 * abs(first["sum"]):
            raise SystemExit(f"{name} answers {answer}, forebay {first}")
    print(f"all agree: {first}\n")
