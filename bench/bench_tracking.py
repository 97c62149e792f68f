"""Tracking: one client with a kept connection against ourselves and `mlflow server --workers 1`, the same requests.

The peer's set-up is its best for one client: one worker, no job runner. Both keep their data in SQLite, and begin with
the same history: it is written into a file of MLflow's schema once, which we import.
"""

import json
import shutil
import sqlite3
import subprocess
import time
from pathlib import Path

from harness import Bench, measured, tables
from servers import Connection, Server, free_port, get, post

API = "/api/2.0/mlflow"
SEEDED = "/api/2.0/mlflow-artifacts/artifacts/0/seeded/artifacts"
FIGURES = [
    ("p50 ms", lambda load: load.share(0.50), 2),
    ("p99 ms", lambda load: load.share(0.99), 2),
    ("server CPU µs a request", lambda load: load.cpu_us, 0),
]
IDLE = [("MiB at rest", lambda idle: idle[0], 0), ("s to the first answer", lambda idle: idle[1], 1)]
QUIET = {"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}


def run(bench: Bench) -> None:
    forebay, peers = bench.forebay(), bench.peers("mlflow")
    runs, count = (50, 20) if bench.small else (10_000, 300)
    loads: dict = {}
    seed = bench.folder("tracking-seed")
    subprocess.run([peers / "mlflow", "db", "upgrade", f"sqlite:///{seed}/mlflow.db"], check=True, capture_output=True)
    fill(seed / "mlflow.db", runs)
    measured([forebay, "import", "mlflow", seed / "mlflow.db", "--data", seed / "forebay"])

    def side(name: str, command: list, port: int, count: int):
        start = time.perf_counter()
        with Server(command, port, "/health", env=QUIET) as server:
            idle = (server.memory(), time.perf_counter() - start)
            for what, load in scenario(server, runs, count):
                loads.setdefault(what, {}).setdefault(name, []).append(load)
        return idle

    def forebay_serve():
        port, data = free_port(), bench.folder("tracking")
        shutil.copytree(seed / "forebay", data, dirs_exist_ok=True)
        # The kernel counts hundredths of a second: what takes less is asked more often.
        return side("forebay", [forebay, "serve", "--listen", f"127.0.0.1:{port}", "--data", data], port, 10 * count)

    def mlflow_server():
        port, data = free_port(), bench.folder("tracking-mlflow")
        shutil.copy(seed / "mlflow.db", data)
        command = [peers / "mlflow", "server", "--workers", "1", "--port", str(port)]
        command += ["--backend-store-uri", f"sqlite:///{data}/mlflow.db", "--artifacts-destination", data / "artifacts"]
        return side("mlflow server", command, port, count)

    idle = bench.in_turn({"forebay": forebay_serve, "mlflow server": mlflow_server})
    for what, found in loads.items():
        print(f"### {what}\n")
        tables(found, FIGURES)
    print("### at rest\n")
    tables(idle, IDLE)


def scenario(server: Server, runs: int, count: int):
    """What is asked, and how it went."""
    ids = [run_id(0), run_id(1)]
    few = max(3, count // 10)
    yield "create a run", server.one_by_one([call("runs/create", experiment_id="0", start_time=1)], count)
    metrics = Fresh(lambda n: call("runs/log-metric", run_id=ids[0], key="m", value=0.5, timestamp=1, step=n))
    yield "log a metric", server.one_by_one(metrics, count)
    thousand = lambda n: [metric("b", 1000 * n + step) for step in range(1000)]
    batches = Fresh(lambda n: call("runs/log-batch", run_id=ids[1], metrics=thousand(n)))
    yield "log 1,000 metrics", server.one_by_one(batches, few)
    for what, asked in SEARCHES.items():
        search = call("runs/search", experiment_ids=["0"], max_results=100, **asked)
        yield f"{what}, {runs} runs", server.one_by_one([search], few)
    for size, name in ((1, "1 MiB"), (1 if runs < 1000 else 1024, "1 GiB")):
        put(server, f"{SEEDED}/{size}.bin", size)
        download = get(f"{SEEDED}/{size}.bin")
        yield f"download {name}", server.drained(download, count if size == 1 else 3)
    put(server, f"/api/2.0/mlflow-artifacts/artifacts/0/{ids[0]}/artifacts/x.bin", 1)
    yield "list artifacts", server.one_by_one([get(f"{API}/artifacts/list?run_id={ids[0]}")], count)


SEARCHES = {
    "newest 100": {},
    "100 by a metric and a parameter, ordered by another": {
        "filter": "metrics.m1 > 0.5 and params.p1 = '3'", "order_by": ["metrics.m2 DESC"],
    },
    "100 ordered by a metric": {"order_by": ["metrics.m2 DESC"]},
    "100 of a tag": {"filter": "tags.t1 = '3'"},
}


def put(server: Server, path: str, mebibytes: int) -> None:
    """Uploads zeroes."""
    with Connection(server.port) as connection:
        size = mebibytes << 20
        head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1:{server.port}\r\nContent-Length: {size}\r\n\r\n"
        connection.socket.settimeout(120)
        connection.socket.sendall(head.encode())
        for _ in range(mebibytes):
            connection.socket.sendall(bytes(1 << 20))
        connection.answered()


class Fresh:
    """A new request each time one is taken: the same metric twice would be one."""

    def __init__(self, make):
        self.make, self.taken = make, 0

    def __len__(self) -> int:
        return 1

    def __getitem__(self, at):
        if isinstance(at, slice):
            return [self[0] for _ in range(3)]
        self.taken += 1
        return self.make(self.taken)


def run_id(number: int) -> str:
    return f"{number:032x}"


def fill(file: Path, runs: int) -> None:
    """Runs with five parameters, metrics and tags each, as the peer's server writes them."""
    database = sqlite3.connect(file)
    root = "mlflow-artifacts:/0"
    database.execute(
        "insert or ignore into experiments (experiment_id, name, artifact_location, lifecycle_stage, creation_time, last_update_time)"
        " values (0, 'Default', ?, 'active', 1, 1)", [root])
    for number in range(runs):
        one = run_id(number)
        database.execute(
            "insert into runs (run_uuid, name, source_type, user_id, status, start_time, lifecycle_stage, artifact_uri, experiment_id)"
            " values (?, ?, 'UNKNOWN', '', 'RUNNING', ?, 'active', ?, 0)", [one, f"run-{number}", number + 1, f"{root}/{one}/artifacts"])
        pairs = [(f"{k}", f"{(number + k) % 10}", one) for k in range(5)]
        database.executemany("insert into params (key, value, run_uuid) values ('p' || ?, ?, ?)", pairs)
        database.executemany("insert into tags (key, value, run_uuid) values ('t' || ?, ?, ?)", pairs)
        values = [(f"m{k}", (number * 7 + k) % 100 / 100, one) for k in range(5)]
        for table in ("metrics", "latest_metrics"):
            database.executemany(
                f"insert into {table} (key, value, timestamp, run_uuid, step, is_nan) values (?, ?, 1, ?, 0, 0)", values)
    database.commit()
    database.close()


def metric(key: str, step: int) -> dict:
    return {"key": key, "value": 0.25, "timestamp": 1, "step": step}


def call(method: str, **fields) -> bytes:
    return post(f"{API}/{method}", json.dumps(fields).encode())
