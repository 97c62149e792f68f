"""A day with the real client: everything that it logs must come back. Arguments: the server's URL."""

import logging
import math
import os
import sys
import tempfile
import threading
from pathlib import Path

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow
import numpy
import pandas
from mlflow import MlflowClient
from mlflow.entities import Dataset, DatasetInput, InputTag, Metric, Param, RunTag, ViewType
from mlflow.exceptions import MlflowException
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV

# A client that only warns when logging fails would lose data without anyone seeing it.
WARNINGS = []


class Keep(logging.Handler):
    def emit(self, record):
        WARNINGS.append(record.getMessage())


logging.getLogger("mlflow").addHandler(Keep(logging.WARNING))
mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
DATA = pandas.DataFrame({"x": [0.0, 1.0, 2.0, 3.0] * 10, "y": [1.0, 0.5, 0.0, 0.7] * 10})
LABELS = numpy.array([0, 0, 1, 1] * 10)


def refused(code, call, *arguments, **named):
    try:
        call(*arguments, **named)
    except MlflowException as error:
        assert error.error_code == code, (error.error_code, error)
        return str(error)
    raise AssertionError(f"{call} was not refused")


def experiments():
    made = client.create_experiment("flights", tags={"team": "a"})
    assert client.get_experiment_by_name("flights").experiment_id == made
    assert client.get_experiment_by_name("nothing") is None
    refused("RESOURCE_ALREADY_EXISTS", client.create_experiment, "flights")
    client.set_experiment_tag(made, "stage", "x")
    assert client.get_experiment(made).tags == {"team": "a", "stage": "x"}
    client.rename_experiment(made, "flights 2013")
    assert [e.name for e in client.search_experiments(filter_string="name LIKE 'flights%'")] == ["flights 2013"]
    assert [e.experiment_id for e in client.search_experiments(filter_string="tags.team = 'a'")] == [made]
    client.delete_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "deleted"
    assert made in [e.experiment_id for e in client.search_experiments(view_type=ViewType.DELETED_ONLY)]
    client.restore_experiment(made)
    assert client.get_experiment(made).lifecycle_stage == "active"
    assert client.get_experiment("0").name == "Default"


def runs():
    mlflow.set_experiment("runs")
    with mlflow.start_run(run_name="parent", description="all of it") as parent:
        mlflow.log_params({"depth": 3, "rate": 0.1})
        for step in range(5):
            mlflow.log_metric("loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"nan": math.nan, "inf": math.inf, "-inf": -math.inf})
        mlflow.set_tag("note", "ü")
        with mlflow.start_run(nested=True, run_name="child") as child:
            mlflow.log_metric("loss", 0.5)
    run = client.get_run(parent.info.run_id)
    assert run.info.status == "FINISHED" and run.info.run_name == "parent" and run.info.end_time
    assert run.data.params == {"depth": "3", "rate": "0.1"}
    assert run.data.metrics["loss"] == 1 / 5 and math.isnan(run.data.metrics["nan"])
    assert run.data.metrics["inf"] == math.inf and run.data.metrics["-inf"] == -math.inf
    assert run.data.tags["note"] == "ü" and run.data.tags["mlflow.note.content"] == "all of it"
    history = client.get_metric_history(run.info.run_id, "loss")
    assert [(m.step, m.value) for m in history] == [(n, 1 / (n + 1)) for n in range(5)]
    assert client.get_run(child.info.run_id).data.tags["mlflow.parentRunId"] == run.info.run_id
    children = mlflow.search_runs(filter_string=f"tags.mlflow.parentRunId = '{run.info.run_id}'")
    assert list(children.run_id) == [child.info.run_id]
    refused("INVALID_PARAMETER_VALUE", client.log_param, run.info.run_id, "depth", "4")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_run, "0" * 32)
    with mlflow.start_run(run.info.run_id):
        mlflow.log_metric("later", 1)
    client.delete_tag(run.info.run_id, "note")
    assert "note" not in client.get_run(run.info.run_id).data.tags
    try:
        with mlflow.start_run() as broken:
            raise KeyError("x")
    except KeyError:
        assert client.get_run(broken.info.run_id).info.status == "FAILED"
    client.delete_run(child.info.run_id)
    assert client.get_run(child.info.run_id).info.lifecycle_stage == "deleted"
    refused("INVALID_PARAMETER_VALUE", client.log_metric, child.info.run_id, "loss", 1)
    client.restore_run(child.info.run_id)


def batches_and_searches():
    experiment = client.create_experiment("searches")
    for n in range(30):
        run = client.create_run(experiment, run_name=f"run {n}", start_time=n + 1)
        metrics = [Metric("rmse", n % 7 / 10, n, step) for step in range(10)]
        params = [Param("model", ["tree", "Tree", "line"][n % 3])]
        client.log_batch(run.info.run_id, metrics, params, [RunTag("odd key", str(n))])
        client.set_terminated(run.info.run_id, end_time=100 + n)
    frame = mlflow.search_runs([experiment], "metrics.rmse < 0.3 and params.model = 'tree'", order_by=["metrics.rmse DESC"])
    assert list(frame["metrics.rmse"]) == sorted(frame["metrics.rmse"], reverse=True) and len(frame) == 4, frame
    assert set(frame["params.model"]) == {"tree"} and "tags.odd key" in frame
    page = client.search_runs([experiment], max_results=7)
    seen = list(page)
    while page.token:
        page = client.search_runs([experiment], max_results=7, page_token=page.token)
        seen += page
    assert [run.info.run_name for run in seen] == [f"run {n}" for n in reversed(range(30))]
    for text, count in [
        ("params.model ILIKE 'TREE'", 20), ("params.model LIKE 'T%'", 10), ("tags.`odd key` = '7'", 1),
        ("attributes.run_name LIKE 'run 1%'", 11), ("start_time >= 26 and end_time < 129", 4), ("params.none IS NULL", 30),
    ]:
        assert len(client.search_runs([experiment], text)) == count, text
    assert "OR" in refused("INVALID_PARAMETER_VALUE", client.search_runs, [experiment], "params.a = 'b' OR params.c = 'd'")
    dataset = DatasetInput(Dataset("table", "abc", "local", "{}", schema="{}", profile="{}"), [InputTag("mlflow.data.context", "train")])
    client.log_inputs(seen[0].info.run_id, [dataset])
    found = client.search_runs([experiment], "dataset.name = 'table' and dataset.context = 'train'")
    assert found[0].inputs.dataset_inputs[0].dataset.digest == "abc"


def artifacts():
    mlflow.set_experiment("artifacts")
    with tempfile.TemporaryDirectory() as folder, mlflow.start_run() as run:
        (Path(folder) / "sub").mkdir()
        (Path(folder) / "sub" / "ü b.txt").write_text("text")
        (Path(folder) / "large.bin").write_bytes(os.urandom(20 << 20))
        mlflow.log_artifacts(folder, "data")
        mlflow.log_text("hello", "notes/hello.txt")
        mlflow.log_dict({"a": [1]}, "a.json")
        mlflow.log_table({"x": [1, 2]}, "table.json")
        names = [(f.path, f.is_dir, f.file_size) for f in client.list_artifacts(run.info.run_id, "data")]
        assert names == [("data/large.bin", False, 20 << 20), ("data/sub", True, None)], names
        with tempfile.TemporaryDirectory() as back:
            path = Path(mlflow.artifacts.download_artifacts(run_id=run.info.run_id, artifact_path="data", dst_path=back))
            assert (path / "large.bin").read_bytes() == (Path(folder) / "large.bin").read_bytes()
            assert (path / "sub" / "ü b.txt").read_text() == "text"
        assert mlflow.artifacts.load_text(f"runs:/{run.info.run_id}/notes/hello.txt") == "hello"
        assert list(mlflow.load_table("table.json", run_ids=[run.info.run_id])["x"]) == [1, 2]


def models():
    mlflow.set_experiment("models")
    with mlflow.start_run() as run:
        model = LogisticRegression().fit(DATA, LABELS)
        info = mlflow.sklearn.log_model(model, name="tree", input_example=DATA[:2], registered_model_name="late")
        mlflow.log_metric("auc", 0.9, model_id=info.model_id)
    logged = mlflow.get_logged_model(info.model_id)
    assert str(logged.status) == "READY" and logged.source_run_id == run.info.run_id and logged.metrics[0].value == 0.9
    assert client.get_run(run.info.run_id).outputs.model_outputs[0].model_id == info.model_id
    version = client.get_model_version("late", "1")
    assert version.run_id == run.info.run_id and version.source.startswith("models:/m-")
    client.set_registered_model_alias("late", "champion", 1)
    assert client.get_model_version_by_alias("late", "champion").version == "1"
    for uri in ["models:/late@champion", "models:/late/1", "models:/late/latest", info.model_uri, f"runs:/{run.info.run_id}/tree"]:
        loaded = mlflow.pyfunc.load_model(uri)
        assert list(loaded.predict(DATA)) == list(model.predict(DATA)), uri
    second = mlflow.register_model(f"runs:/{run.info.run_id}/tree", "late")
    assert second.version == "2", second
    client.set_model_version_tag("late", "2", "ok", "yes")
    client.update_model_version("late", "2", description="the second")
    client.transition_model_version_stage("late", "2", "Production")
    assert client.get_latest_versions("late", ["Production"])[0].description == "the second"
    assert [v.version for v in client.search_model_versions("name = 'late' and tags.ok = 'yes'")] == ["2"]
    copied = client.copy_model_version("models:/late/1", "copied")
    assert mlflow.sklearn.load_model(f"models:/copied/{copied.version}").predict(DATA[:1]).shape == (1,)
    client.set_registered_model_tag("late", "team", "a")
    assert [m.name for m in client.search_registered_models("tags.team = 'a'")] == ["late"]
    assert sorted(m.name for m in client.search_registered_models()) == ["copied", "late"]
    client.rename_registered_model("copied", "renamed")
    client.delete_registered_model("renamed")
    client.delete_model_version("late", "2")
    refused("RESOURCE_DOES_NOT_EXIST", client.get_model_version, "late", "2")
    assert [m.model_id for m in mlflow.search_logged_models(output_format="list", filter_string="metrics.auc > 0.8")] == [info.model_id]
    client.delete_logged_model(info.model_id)
    refused("RESOURCE_DOES_NOT_EXIST", client.get_logged_model, info.model_id)


def evaluation():
    mlflow.set_experiment("evaluation")
    model = LogisticRegression().fit(DATA, LABELS)
    data = mlflow.data.from_pandas(DATA.assign(label=LABELS), name="held out", targets="label")
    with mlflow.start_run() as run:
        info = mlflow.sklearn.log_model(model, name="judged", input_example=DATA[:2])
        result = mlflow.models.evaluate(info.model_uri, data, model_type="classifier", evaluator_config={"log_explainer": False})
    found = client.get_run(run.info.run_id)
    assert result.metrics["accuracy_score"] == found.data.metrics["accuracy_score"] == 1.0, found.data.metrics
    assert found.inputs.dataset_inputs[0].dataset.name == "held out"
    names = {f.path for f in client.list_artifacts(run.info.run_id)}
    assert {"confusion_matrix.png", "roc_curve_plot.png"} <= names, names
    logged = mlflow.get_logged_model(info.model_id)
    assert {(m.key, m.dataset_name) for m in logged.metrics} >= {("accuracy_score", "held out")}, logged.metrics
    on = [{"dataset_name": "held out", "dataset_digest": data.digest}]
    by = mlflow.search_logged_models(filter_string="metrics.accuracy_score > 0.9", datasets=on, output_format="list")
    assert [m.model_id for m in by] == [info.model_id]
    none = [{"dataset_name": "others"}]
    assert not mlflow.search_logged_models(datasets=none, output_format="list")


def autologging():
    mlflow.set_experiment("autologging")
    mlflow.sklearn.autolog()
    with mlflow.start_run() as run:
        LogisticRegression(C=0.5).fit(DATA, LABELS)
    found = client.get_run(run.info.run_id)
    assert found.data.params["C"] == "0.5" and "training_accuracy_score" in found.data.metrics
    assert found.inputs.dataset_inputs and found.outputs.model_outputs
    assert {f.path for f in client.list_artifacts(run.info.run_id)} >= {"estimator.html"}
    model = mlflow.get_logged_model(found.outputs.model_outputs[0].model_id)
    assert model.metrics and model.params["C"] == "0.5"
    with mlflow.start_run() as search:
        GridSearchCV(LogisticRegression(), {"C": [0.1, 1.0]}, cv=2).fit(DATA, LABELS)
    children = client.search_runs(found.info.experiment_id, f"tags.mlflow.parentRunId = '{search.info.run_id}'")
    assert len(children) == 2 and "best_C" in client.get_run(search.info.run_id).data.params
    mlflow.sklearn.autolog(disable=True)


def boosting():
    import lightgbm
    import xgboost

    mlflow.set_experiment("boosting")
    mlflow.lightgbm.autolog()
    mlflow.xgboost.autolog()
    with mlflow.start_run() as light:
        data = lightgbm.Dataset(DATA, LABELS)
        lightgbm.train({"objective": "binary", "verbose": -1}, data, 5, valid_sets=[data])
    with mlflow.start_run() as extreme:
        data = xgboost.DMatrix(DATA, LABELS)
        xgboost.train({"objective": "binary:logistic"}, data, 5, evals=[(data, "train")], verbose_eval=False)
    for run, metric in [(light, "training-binary_logloss"), (extreme, "train-logloss")]:
        found = client.get_run(run.info.run_id)
        assert len(client.get_metric_history(run.info.run_id, metric)) == 5, found.data.metrics
        assert found.data.params["objective"].startswith("binary") and found.outputs.model_outputs
        assert {f.path for f in client.list_artifacts(run.info.run_id)} >= {"feature_importance_weight.json"} or run is light
        loaded = mlflow.pyfunc.load_model(f"models:/{found.outputs.model_outputs[0].model_id}")
        assert len(loaded.predict(DATA)) == len(DATA)


def two_at_once():
    experiment = client.create_experiment("at once")
    failures = []

    def work(name):
        try:
            own = MlflowClient()
            run = own.create_run(experiment, run_name=name)
            for step in range(50):
                own.log_metric(run.info.run_id, "m", step, step=step)
            assert len(own.get_metric_history(run.info.run_id, "m")) == 50
        except BaseException as error:
            failures.append(error)

    threads = [threading.Thread(target=work, args=(name,)) for name in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures, failures
    assert len(client.search_runs([experiment], "metrics.m = 49")) == 2


for part in [experiments, runs, batches_and_searches, artifacts, models, evaluation, autologging, boosting, two_at_once]:
    part()
    print(part.__name__, "good")
lost = [text for text in WARNINGS if "fail" in text.lower() or "error" in text.lower()]
assert not lost, lost
print("all good")
