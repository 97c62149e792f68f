"""Artifacts that the client writes itself. Arguments: the server's URL, the artifact root."""

import os
import sys
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow
from mlflow import MlflowClient

url, root = sys.argv[1:]
mlflow.set_tracking_uri(url)
with mlflow.start_run() as run:
    mlflow.log_text("hello", "a/b.txt")
assert run.info.artifact_uri == f"{root}/0/{run.info.run_id}/artifacts", run.info.artifact_uri
assert Path(run.info.artifact_uri.removeprefix("file://"), "a", "b.txt").read_text() == "hello"
assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/a/b.txt") == "hello"
