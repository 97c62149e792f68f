"""Tracking: one client with a kept connection against ourselves and `mlflow server --workers 1`, the same requests.

The peer's set-up is its best for one client: one worker, no job runner. Both keep their data in SQLite.
"""

import json
import time

from harness import Bench, tables
from servers import Connection, Server, free_port, get, post

API = "/api/2.0/mlflow"
FIGURES = [
    ("p50 ms", lambda load: load.share(0.50), 2),
    ("p99 ms", lambda load: load.share(0.99), 2),
    ("server CPU µs a request", lambda load: load.cpu_us, 0),
]
IDLE = [("MiB at rest", lambda idle: idle[0], 0), ("s to the first answer", lambda idle: idle[1], 1)]


def run(bench: Bench) -> None:
    forebay, peers = bench.forebay(), bench.peers("mlflow")
    runs, count = (50, 20) if bench.small else (10_000, 300)
    loads: dict = {}

    def side(name: str, command: list, port: int):
        def measure():
            start = time.perf_counter()
            with Server(command, port, "/health", env={"MLFLOW_DISABLE_TELEMETRY": "true", "MLFLOW_SERVER_ENABLE_JOB_EXECUTION": "false"}) as server:
                idle = (server.memory(), time.perf_counter() - start)
                for what, load in scenario(server, runs, count):
                    loads.setdefault(what, {}).setdefault(name, []).append(load)
            return idle

        return measure

    def forebay_serve():
        port, data = free_port(), bench.folder("tracking")
        return side("forebay", [forebay, "serve", "--listen", f"127.0.0.1:{port}", "--data", data], port)()

    def mlflow_server():
        port, data = free_port(), bench.folder("tracking-mlflow")
        store = f"sqlite:///{data}/mlflow.db"
        command = [peers / "mlflow", "server", "--workers", "1", "--port", str(port), "--backend-store-uri", store]
        return side("mlflow server", [*command, "--artifacts-destination", data / "artifacts"], port)()

    idle = bench.in_turn({"forebay": forebay_serve, "mlflow server": mlflow_server})
    for what, found in loads.items():
        print(f"### {what}\n")
        tables(found, FIGURES)
    print("### at rest\n")
    tables(idle, IDLE)


def scenario(server: Server, runs: int, count: int):
    """What is asked, and how it went."""
    ids = fill(server, runs)
    yield "create a run", server.one_by_one([call("runs/create", experiment_id="0", start_time=1)], count)
    metrics = Fresh(lambda n: call("runs/log-metric", run_id=ids[0], key="m", value=0.5, timestamp=1, step=n))
    yield "log a metric", server.one_by_one(metrics, count)
    thousand = lambda n: [metric("b", 1000 * n + step) for step in range(1000)]
    batches = Fresh(lambda n: call("runs/log-batch", run_id=ids[1], metrics=thousand(n)))
    yield "log 1,000 metrics", server.one_by_one(batches, max(3, count // 10))
    newest = call("runs/search", experiment_ids=["0"], max_results=100)
    yield f"newest 100 of {runs} runs", server.one_by_one([newest], max(3, count // 10))
    filtered = call(
        "runs/search", experiment_ids=["0"], max_results=100,
        filter="metrics.m1 > 0.5 and params.p1 = '3'", order_by=["metrics.m2 DESC"],
    )
    yield "100 by a metric and a parameter, ordered by another", server.one_by_one([filtered], max(3, count // 10))
    path = f"/api/2.0/mlflow-artifacts/artifacts/0/{ids[0]}/artifacts/x.bin"
    body = bytes(1 << 20)
    with Connection(server.port) as connection:
        head = f"PUT {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Length: {len(body)}\r\n\r\n".encode()
        connection.expect(head + body)
    yield "list artifacts", server.one_by_one([get(f"{API}/artifacts/list?run_id={ids[0]}")], count)
    yield "download 1 MiB", server.one_by_one([get(path)], count)


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


def fill(server: Server, runs: int) -> list:
    """Runs with five parameters, metrics and tags each; their ids."""
    ids = []
    with Connection(server.port) as connection:
        for n in range(runs):
            answer = json.loads(connection.expect(call("runs/create", experiment_id="0", start_time=n + 1)))
            ids.append(answer["run"]["info"]["run_id"])
            pairs = [{"key": f"p{k}", "value": str((n + k) % 10)} for k in range(5)]
            tags = [{"key": f"t{k}", "value": str((n + k) % 10)} for k in range(5)]
            values = [{**metric(f"m{k}", 0), "value": (n * 7 + k) % 100 / 100} for k in range(5)]
            connection.expect(call("runs/log-batch", run_id=ids[-1], metrics=values, params=pairs, tags=tags))
    return ids


def metric(key: str, step: int) -> dict:
    return {"key": key, "value": 0.25, "timestamp": 1, "step": step}


def call(method: str, **fields) -> bytes:
    return post(f"{API}/{method}", json.dumps(fields).encode())
