"""One online read: 20 features of one entity of 10,000, by the same request, from us and from `feast serve`.

Feast runs twice: as it comes (a worker is replaced after 1,000 requests), and with that switched off.
"""

import csv
import json
import random
import shutil
from datetime import datetime, timedelta, timezone

from harness import HERE, Bench, measured, tables
from servers import Connection, Server, free_port, post

FEATURES = [f"f{number}" for number in range(1, 21)]
FIGURES = [
    ("p50 ms", lambda load: load.share(0.50), 2),
    ("p99 ms", lambda load: load.share(0.99), 2),
    ("server CPU µs a request", lambda load: load.cpu_us, 0),
]


def run(bench: Bench) -> None:
    forebay, peers = bench.forebay(), bench.peers("feast")
    entities, count = (200, 300) if bench.small else (10_000, 5_000)
    ours, theirs = bench.folder("online") / "project", bench.folder("online-feast") / "repo"
    shutil.copytree(HERE / "online" / "project", ours)
    shutil.copytree(HERE / "online" / "feast", theirs)
    rows = write_rows(ours / "data" / "readings.csv", entities)

    measured([forebay, "--project-dir", ours, "build"])
    measured([peers / "python", HERE / "peers" / "csv_to_parquet.py", ours / "data" / "readings.csv", theirs / "readings.parquet"])
    env = {"FEAST_USAGE": "False", "FEAST_TELEMETRY": "False"}
    measured([peers / "feast", "apply"], cwd=theirs, env=env)
    until = (datetime.now(timezone.utc) + timedelta(days=1)).strftime("%Y-%m-%dT%H:%M:%S")
    measured([peers / "feast", "materialize-incremental", until], cwd=theirs, env=env)

    names = [f"readings:{name}" for name in FEATURES]
    keys = random.Random(1).choices(range(entities), k=1000)
    bodies = [json.dumps({"features": names, "entities": {"device": [key]}}).encode() for key in keys]
    requests = [post("/get-online-features", body) for body in bodies]

    def load(command: list, port: int, cwd=None):
        with Server(command, port, "/health", cwd=cwd, env=env) as server:
            check(server, requests[0], rows[keys[0]])
            return server.one_by_one(requests, count)

    def forebay_serve():
        port = free_port()
        return load([forebay, "--project-dir", ours, "serve", "--listen", f"127.0.0.1:{port}"], port)

    def feast_serve(*options: str):
        port = free_port()
        command = [peers / "feast", "serve", "--host", "127.0.0.1", "--port", str(port), "--no-access-log", *options]
        return load(command, port, cwd=theirs)

    found = bench.in_turn({
        "forebay": forebay_serve,
        "feast serve": feast_serve,
        "feast serve, workers kept": lambda: feast_serve("--max-requests", "0"),
    })
    tables(found, FIGURES)


def write_rows(path, entities: int) -> dict:
    """One row a device, an hour old: our ttl holds online too."""
    path.parent.mkdir()
    at = (datetime.now(timezone.utc) - timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
    numbers = random.Random(0)
    rows = {device: [round(numbers.random(), 9) for _ in FEATURES] for device in range(entities)}
    with path.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(["device", "measured_at", *FEATURES])
        writer.writerows([device, at, *values] for device, values in rows.items())
    return rows


def check(server: Server, request: bytes, expected: list) -> None:
    """The answer has the values of the source, in whatever order the server names them."""
    with Connection(server.port) as connection:
        answer = json.loads(connection.expect(request))
    names = answer["metadata"]["feature_names"]
    values = {name: result["values"][0] for name, result in zip(names, answer["results"])}
    for name, value in zip(FEATURES, expected):
        if abs(values[name] - value) > 1e-9:
            raise SystemExit(f"{server.command[0]} answers {values[name]} for {name}, the source has {value}")
