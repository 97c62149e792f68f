"""The built-in trainers against LightGBM and scikit-learn: what their models are worth, and CPU time.

Both sides get the same rows as Parquet and use one thread. CPU time is that of making numbers of the
columns, training and answering the test rows, not of reading files or starting Python.
"""

import json
import os
import shutil
import statistics

from harness import EXAMPLE, HERE, Bench, measured, ratio

TREES = {"algorithm": "gradient_boosting", "rounds": 150, "learning_rate": 0.1, "max_leaves": 31, "min_rows_in_leaf": 20}
LOGISTIC = {"algorithm": "logistic_regression", "l2": 1.0, "max_iterations": 500}
LINEAR = {"algorithm": "linear_regression", "l2": 1.0, "max_iterations": 500}
CLUSTERS = {"algorithm": "k_means", "clusters": 8, "starts": 4, "max_iterations": 300}
# The last argument: which way the peer reads texts.
PAIRS = [
    *((table, TREES, "roc_auc", ways) for table in ("flights", "diamonds_ideal", "health_insurance") for ways in ([], ["codes"])),
    ("diamonds_price", TREES, "rmse", []),
    *((table, LOGISTIC, "roc_auc", []) for table in ("flights", "diamonds_ideal", "health_insurance")),
    ("diamonds_price", LINEAR, "rmse", []),
    *((table, CLUSTERS, "mean_squared_distance", []) for table in ("diamonds_ideal", "health_insurance")),
]
# On one thread; what Python's libraries start otherwise spins.
ONE_THREAD = {name: "1" for name in ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")}
COPY = """
import os, shutil
shutil.copytree(os.environ["FOREBAY_TRAINING_SET"], os.environ["BENCH_ROWS"])
raise SystemExit("the rows are copied, which is all")
"""


def run(bench: Bench) -> None:
    program, peers = bench.example("forebay-ml", "train_bench"), bench.peers("trainers")
    folder = bench.folder("trainers")
    given = flights(bench, folder)
    measured([peers / "python", HERE / "trainers" / "rows.py", folder, given])
    print("| trainer | table | metric | forebay | peer | difference | CPU s | peer's | peer / forebay |")
    print("|---|---|---|---:|---:|---:|---:|---:|---:|")
    for table, trainer, metric, ways in PAIRS:
        text, rows = json.dumps(trainer), folder / table
        found = bench.in_turn({
            "forebay": lambda: answer([program, text, rows, "label"]),
            "peer": lambda: answer([peers / "python", HERE / "trainers" / "peer.py", text, rows, *ways]),
        })
        line(" ".join([trainer["algorithm"], *(f"({way})" for way in ways)]), table, metric, found)


def flights(bench: Bench, folder):
    """The example's training set, as a training script is given it."""
    project, rows = folder / "project", folder / "given"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".forebay", "target", "logs"))
    for path in (project / "ml").glob("*.yml"):
        lines = path.read_text().splitlines()
        script = lambda line: "    trainer: {script: ml/copy.py}" if line.startswith("    trainer:") else line
        path.write_text("\n".join(map(script, lines)))
    (project / "ml" / "copy.py").write_text(COPY)
    # The script ends with an error, so that nothing is registered and the build fails.
    command = [bench.forebay(), "--project-dir", project, "build", "--select", "+late_arrival"]
    measured(["sh", "-c", '"$@" || test -d "$BENCH_ROWS"', "sh", *command], env={"BENCH_ROWS": str(rows)})
    return rows


def answer(command: list) -> dict:
    sample = measured(command, env={**os.environ, **ONE_THREAD})
    return json.loads(sample.output.strip().splitlines()[-1])


def line(trainer: str, table: str, metric: str, found: dict) -> None:
    ours, peer = found["forebay"], found["peer"]
    worth = [statistics.median(side["metrics"][metric] for side in sides) for sides in (ours, peer)]
    cpu = [statistics.median(side["cpu"] for side in sides) for sides in (ours, peer)]
    ratios = ratio(peer, ours, lambda side: side["cpu"])
    print(
        f"| {trainer} | {table} | {metric} | {worth[0]:.4f} | {worth[1]:.4f} | {worth[0] - worth[1]:+.4f} "
        f"| {cpu[0]:.2f} | {cpu[1]:.2f} | {ratios} |",
        flush=True,
    )
