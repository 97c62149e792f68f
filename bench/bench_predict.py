"""Predictions: over HTTP with features looked up online, and in process against onnxruntime.

The model is the example's own. onnxruntime gets the same trees, written out as ONNX, and the same rows;
both sides use one thread.
"""

import json
import shutil

from harness import EXAMPLE, HERE, Bench, measured, tables
from servers import Server, free_port, post

RATE = 500
QUESTIONS = """
    select distinct carrier, route, origin, tailnum, dest, distance
    from main.departures
    where scheduled_departure >= '2013-12-20' and tailnum is not null
    order by tailnum, route, carrier
    limit 2000
"""


def run(bench: Bench) -> None:
    forebay = bench.forebay()
    project = bench.folder("predict") / "flights"
    shutil.copytree(EXAMPLE, project, ignore=shutil.ignore_patterns(".forebay", "target", "logs"))
    built = measured([forebay, "--project-dir", project, "build"])
    print(f"Full build: {built.wall:.1f} s, {built.cpu:.1f} s of CPU, {built.peak:.0f} MiB at its peak.\n")
    over_http(bench, forebay, project)
    in_process(bench, project)


def over_http(bench: Bench, forebay, project) -> None:
    query = [forebay, "--project-dir", project, "--quiet", "query", QUESTIONS, "--limit", "2000", "--output", "json"]
    requests = [request(row) for row in json.loads(measured(query).output)]
    seconds = 2 if bench.small else 20
    idle = []

    def load():
        port = free_port()
        with Server([forebay, "--project-dir", project, "serve", "--listen", f"127.0.0.1:{port}"], port, "/v2/health/ready") as server:
            idle.append(server.memory())
            return server.at_rate(requests, RATE, seconds)

    found = bench.in_turn({"forebay": load})
    print(f"Over HTTP, {RATE} requests a second; idle before: {min(idle):.0f} MiB.\n")
    tables(found, [
        ("p50 ms", lambda load: load.share(0.50), 2),
        ("p99 ms", lambda load: load.share(0.99), 2),
        ("server CPU µs a request", lambda load: load.cpu_us, 0),
    ])


def request(row: dict) -> bytes:
    """A flight of the first morning after the data ends, so that every delay is known and recent."""
    row = {**row, "scheduled_departure_local": "2014-01-01T06:30:00Z", "asked_at": "2014-01-01T09:30:00Z"}
    kind = lambda value: "INT64" if isinstance(value, int) else "BYTES"
    inputs = [{"name": name, "shape": [1], "datatype": kind(value), "data": [value]} for name, value in row.items()]
    return post("/v2/models/late_arrival/infer", json.dumps({"inputs": inputs}).encode())


def in_process(bench: Bench, project) -> None:
    program, peers = bench.example("forebay-ml", "score_bench"), bench.peers("data")
    folder = bench.folder("predict-in-process")
    model = next((project / ".forebay" / "artifacts").rglob("model.json"))
    measured([peers / "python", HERE / "peers" / "model_to_onnx.py", model, folder])
    found = bench.in_turn({
        "forebay": lambda: answer(measured([program, model.parent, folder / "rows.f64"])),
        "onnxruntime": lambda: answer(measured([peers / "python", HERE / "peers" / "score_onnx.py", folder])),
    })
    ours, theirs = found["forebay"][0], found["onnxruntime"][0]
    worst = max(abs(a - b) for a, b in zip(ours["first_scores"], theirs["first_scores"]))
    print(f"In process; scores of both differ by at most {worst:.1e}.\n")
    if worst > 1e-4:
        raise SystemExit("these are not the same model")
    tables(found, [
        ("one row, µs", lambda side: side["one_row_us"], 1),
        ("1,000 rows, µs a row", lambda side: side["batch_us_a_row"], 2),
    ])


def answer(sample) -> dict:
    return json.loads(sample.output.strip().splitlines()[-1])
