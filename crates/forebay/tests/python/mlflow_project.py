"""The training job's run and model, seen by the real client. Arguments: the server's URL."""

import os
import sys

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"

import mlflow
from mlflow import MlflowClient

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
(run,) = mlflow.search_runs(experiment_names=["late_arrival"], output_format="list")
assert run.info.status == "FINISHED" and 0.5 < run.data.metrics["roc_auc"] < 1, run
assert "spine" in [tag.value for read in run.inputs.dataset_inputs for tag in read.tags], run.inputs
assert len(client.get_metric_history(run.info.run_id, "train_log_loss_by_round")) > 1
version = client.get_model_version_by_alias("late_arrival", "champion")
assert version.run_id == run.info.run_id
path = mlflow.artifacts.download_artifacts(f"models:/late_arrival@champion")
assert os.listdir(path), path
mlflow.artifacts.load_dict(f"runs:/{run.info.run_id}/evaluation.json")
# The alias that serving follows is the one that a client moves.
client.delete_registered_model_alias("late_arrival", "champion")
client.set_registered_model_alias("late_arrival", "champion", version.version)
