"""A history and its copy, by the real client. Arguments: `write FOLDER`, or `compare FOLDER URL`.

The folder is written by the client's own file store; the copy is what a server answers.
"""

import json
import os
import sys
from pathlib import Path

os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ALLOW_FILE_STORE"] = "true"
os.environ["MLFLOW_ENABLE_ARTIFACTS_PROGRESS_BAR"] = "false"

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, Link, ViewType

what, folder = sys.argv[1], Path(sys.argv[2]).resolve()
# Where a thing is, which a copy has elsewhere.
ELSEWHERE = {"mlflow.artifactLocation", "mlflow.trace.spansLocation"}


def write():
    mlflow.set_tracking_uri(f"file:{folder}")
    client = MlflowClient()
    client.create_experiment("flights", tags={"team": "a"})
    mlflow.set_experiment("flights")
    with mlflow.start_run(run_name="parent", description="all of it") as parent:
        mlflow.log_params({"depth": 3, "text": "ü\nb"})
        for step in range(3):
            mlflow.log_metric("val/loss", 1 / (step + 1), step=step)
        mlflow.log_metrics({"nan": float("nan"), "inf": float("inf")})
        mlflow.log_text("hello", "notes/hello ü.txt")
        mlflow.log_dict({"a": [1]}, "a.json")
        with mlflow.start_run(nested=True, run_name="child"):
            mlflow.log_metric("val/loss", 0.5)
        model = mlflow.initialize_logged_model("tree", params={"d": "3"}, tags={"t": "x"})
        mlflow.log_metric("auc", 0.9, model_id=model.model_id)
        mlflow.finalize_logged_model(model.model_id, "READY")
    client.create_registered_model("late", tags={"owner": "b"}, description="of flights")
    client.create_model_version("late", f"models:/{model.model_id}", parent.info.run_id, model_id=model.model_id)
    client.set_registered_model_alias("late", "champion", "1")
    client.set_model_version_tag("late", "1", "ok", "yes")
    gone = client.create_run(parent.info.experiment_id, run_name="gone")
    client.delete_run(gone.info.run_id)
    traces(client)


def traces(client):
    @mlflow.trace(span_type="TOOL", attributes={"k": 1})
    def look(question):
        return {"hits": [question, "ü"]}

    @mlflow.trace(name="ask", span_type="AGENT")
    def ask(question):
        mlflow.update_current_trace(tags={"team": "a"}, metadata={"mlflow.trace.session": "s1"}, client_request_id="c-1")
        return look(question)["hits"][0]

    @mlflow.trace
    def fail():
        raise KeyError("x")

    ask("why")
    mlflow.flush_trace_async_logging()
    asked = mlflow.get_last_active_trace_id()
    source = AssessmentSource("HUMAN", "me")
    first = mlflow.log_feedback(trace_id=asked, name="good", value=True, rationale="fine", source=source, metadata={"a": "b"})
    mlflow.override_feedback(trace_id=asked, assessment_id=first.assessment_id, value=False)
    mlflow.log_expectation(trace_id=asked, name="answer", value={"a": [1]}, source=source)
    with mlflow.start_span("linked", links=[Link(trace_id=asked, span_id="0" * 15 + "1", attributes={"why": "retry"})]):
        pass
    try:
        fail()
    except KeyError:
        pass
    mlflow.flush_trace_async_logging()


def all_of(uri):
    mlflow.set_tracking_uri(uri)
    client = MlflowClient(uri, uri)
    return {
        "experiments": {e.name: experiment(client, e) for e in client.search_experiments(ViewType.ALL)},
        "registry": {m.name: registered(client, m) for m in client.search_registered_models()},
    }


def experiment(client, found):
    place = [found.experiment_id]
    runs = client.search_runs(place, run_view_type=ViewType.ALL, max_results=1000)
    models = client.search_logged_models(place)
    traced = client.search_traces(locations=place, max_results=100)
    return {
        "tags": found.tags,
        "stage": found.lifecycle_stage,
        "runs": {run.info.run_id: of_run(client, run) for run in runs},
        "models": {model.model_id: of_model(model) for model in models},
        "traces": {trace.info.trace_id: of_trace(trace) for trace in traced},
    }


def of_run(client, run):
    info, data = run.info, run.data
    history = {key: [(m.step, m.timestamp, repr(m.value)) for m in client.get_metric_history(info.run_id, key)] for key in data.metrics}
    outputs = run.outputs.model_outputs if run.outputs else []
    return {
        "info": [info.run_name, info.status, info.lifecycle_stage, info.start_time, info.end_time, info.user_id],
        "params": data.params, "tags": data.tags, "metrics": {key: repr(value) for key, value in data.metrics.items()},
        "history": history, "outputs": [(o.model_id, o.step) for o in outputs],
        "files": {} if info.lifecycle_stage == "deleted" else files(client, info.run_id, None),
    }


def files(client, run_id, place):
    found = {}
    for file in client.list_artifacts(run_id, place):
        if file.is_dir:
            found |= files(client, run_id, file.path)
        else:
            found[file.path] = Path(client.download_artifacts(run_id, file.path)).read_text()
    return found


def of_model(model):
    metrics = [(m.key, m.value, m.run_id, m.dataset_name) for m in model.metrics or []]
    return [model.name, str(model.status), model.source_run_id, model.model_type or "", model.params, model.tags, metrics]


def registered(client, model):
    versions = client.search_model_versions(f"name = '{model.name}'")
    # What came over HTTP has texts for numbers and for nothing; its client drops the logged model, which the source names.
    of_version = lambda v: [str(v.version), v.source, v.run_id, v.tags, v.current_stage, v.description or "", v.creation_timestamp]
    aliases = {alias: str(version) for alias, version in model.aliases.items()}
    return [model.description, model.tags, aliases, model.creation_timestamp, [of_version(v) for v in versions]]


def of_trace(trace):
    info = trace.info
    told = {key: value for key, value in info.tags.items() if key not in ELSEWHERE}
    said = [assessment.to_dictionary() for assessment in info.assessments]
    return {
        "info": [info.client_request_id, str(info.state), info.request_time, info.execution_duration, info.request_preview, info.response_preview],
        "tags": told, "metadata": info.trace_metadata,
        "assessments": sorted(said, key=lambda one: one["assessment_id"]),
        "spans": [span.to_dict() for span in trace.data.spans],
    }


def compare(url):
    ours, theirs = all_of(url), all_of(f"file:{folder}")
    flights = theirs["experiments"]["flights"]
    assert len(flights["runs"]) == 3 and len(flights["models"]) == 1 and len(flights["traces"]) == 3, flights
    differences = list(differing(theirs, ours, ""))
    assert not differences, "\n".join(differences)


def differing(theirs, ours, place):
    if isinstance(theirs, dict) and isinstance(ours, dict):
        for key in sorted({*theirs, *ours}):
            yield from differing(theirs.get(key, "nothing"), ours.get(key, "nothing"), f"{place}/{key}")
    elif isinstance(theirs, list) and isinstance(ours, list) and len(theirs) == len(ours):
        for number, pair in enumerate(zip(theirs, ours)):
            yield from differing(*pair, f"{place}/{number}")
    elif json.dumps(theirs) != json.dumps(ours):
        yield f"{place}: {theirs!r} became {ours!r}"


write() if what == "write" else compare(sys.argv[3])
print("all good")
