"""The SQL part of the example against dbt-core with dbt-duckdb.

Both start with the loaded raw tables, and build the same files: seed, models, snapshot, tests. Two figures:
the first build in a new folder, and the build after it (dbt then has its parsed project).
"""

import shutil

from harness import EXAMPLE, HERE, PROCESS, Bench, measured, tables

KINDS = ["model", "seed", "snapshot", "test"]


def run(bench: Bench) -> None:
    forebay, peers = bench.forebay(), bench.peers("dbt")
    ours, theirs = bench.folder("sql/loaded") / "flights", bench.folder("sql/dbt-loaded")
    shutil.copytree(EXAMPLE, ours, ignore=shutil.ignore_patterns(".forebay", "target", "logs"))
    measured([forebay, "--project-dir", ours, "ingest"])
    measured([peers / "python", HERE / "peers" / "load_raw.py", EXAMPLE / "data", theirs / "flights.duckdb"])

    first = {"forebay": [], "dbt": []}
    second = bench.in_turn({
        "forebay": lambda: build_forebay(bench, forebay, ours, first["forebay"]),
        "dbt": lambda: build_dbt(bench, peers, theirs, first["dbt"]),
    })
    print("First build:\n")
    tables(first, PROCESS)
    print("Second build:\n")
    tables(second, PROCESS)


def build_forebay(bench: Bench, forebay, loaded, first: list):
    project = bench.folder("sql/forebay") / "flights"
    shutil.copytree(loaded, project)
    command = [forebay, "--project-dir", project, "build", "--select"]
    command += [f"resource_type:{kind}" for kind in KINDS]
    first.append(measured(command))
    return measured(command)


def build_dbt(bench: Bench, peers, loaded, first: list):
    folder = bench.folder("sql/dbt")
    project = folder / "flights"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".forebay", "target", "logs", "data"))
    shutil.copy(loaded / "flights.duckdb", folder / "flights.duckdb")
    env = {"BENCH_DUCKDB": str(folder / "flights.duckdb"), "DBT_SEND_ANONYMOUS_USAGE_STATS": "false"}
    command = [peers / "dbt", "build", "--project-dir", project, "--profiles-dir", HERE / "sql"]
    first.append(measured(command, cwd=folder, env=env))
    return measured(command, cwd=folder, env=env)
