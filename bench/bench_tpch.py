"""TPC-H, scale factor 1 or `--scale`: its 22 queries as models of one dbt project, against dbt-core with dbt-duckdb.

Both read the same Parquet files, one model at a time, with 4 GiB of memory, and write each answer as a table. Every
answer must be equal. The times are those of the models, from run_results.json: the query and the writing of its answer.
"""

import json
import shutil
import statistics
import subprocess
import sys
from pathlib import Path

from dbt.compare import differences
from harness import HERE, PROCESS, Bench, measured, tables

PROJECT = HERE / "tpch"
# One model at a time; the profile gives DuckDB, and forebay.yml us, the threads of a query.
ONE_BY_ONE = ["--threads", "1"]


def run(bench: Bench) -> None:
    forebay, peers = bench.forebay(), bench.peers("dbt")
    scale = "0.01" if bench.small else bench.scale
    data = bench.folder("tpch/data")
    generator = bench.peers("tpch") / "tpchgen-cli"
    subprocess.run([generator, "parquet", "-s", scale, "--output-dir", data], check=True, stdout=subprocess.DEVNULL)
    given = ["--vars", json.dumps({"data": str(data), "fraction": 0.0001 / float(scale)})]
    root = bench.folder("tpch/projects")
    shutil.copy(PROJECT / "profiles.yml", root / "profiles.yml")

    whole = bench.in_turn({
        "forebay": lambda: side(root, "forebay", [forebay, "build", *ONE_BY_ONE, *given]),
        "dbt": lambda: side(root, "dbt", [peers / "dbt", "--quiet", "build", *ONE_BY_ONE, *given]),
    })
    print("The process, with reading the project:\n")
    tables({name: [sample for sample, _ in runs] for name, runs in whole.items()}, PROCESS)
    report({name: [times for _, times in runs] for name, runs in whole.items()})
    # The views are the files themselves.
    count, found = differences(root, root / "forebay", forebay, peers, "--tables")
    print(f"{count} tables: " + ("\n".join(found) or "every answer is equal"))
    if found:
        sys.exit(1)


def side(root: Path, name: str, command: list):
    """A build in a new folder: the process, and the seconds of each query."""
    project = root / name
    shutil.rmtree(project, ignore_errors=True)
    shutil.copytree(PROJECT, project, ignore=shutil.ignore_patterns("profiles.yml", "target", ".forebay", "logs"))
    (root / f"{name}.duckdb").unlink(missing_ok=True)
    env = {
        "BENCH_DUCKDB": str(root / "dbt.duckdb"),
        "DBT_PROFILES_DIR": str(root),
        "DBT_SEND_ANONYMOUS_USAGE_STATS": "false",
    }
    sample = measured(command, cwd=project, env=env)
    results = json.loads((project / "target" / "run_results.json").read_text())["results"]
    names = {result["unique_id"].split(".")[-1]: result["execution_time"] for result in results}
    return sample, {name: seconds for name, seconds in names.items() if name.startswith("q")}


def report(times: dict) -> None:
    medians = {
        name: {query: statistics.median(run[query] for run in runs) for query in runs[0]}
        for name, runs in times.items()
    }
    ours, theirs = medians["forebay"], medians["dbt"]
    print("| query | forebay s | DuckDB s | DuckDB / forebay |\n|---|---:|---:|---:|")
    for query in sorted(ours):
        print(f"| {query} | {ours[query]:.3f} | {theirs[query]:.3f} | {theirs[query] / ours[query]:.2f} |")
    total = {name: sum(found.values()) for name, found in medians.items()}
    ratio = total["dbt"] / total["forebay"]
    print(f"| all | {total['forebay']:.2f} | {total['dbt']:.2f} | **{ratio:.2f}** |\n", flush=True)
