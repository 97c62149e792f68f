"""Traces, assessments, datasets, prompts and scorers with the real client. Arguments: the server's URL."""

import os
import sys

os.environ["MLFLOW_HTTP_REQUEST_MAX_RETRIES"] = "1"
os.environ["MLFLOW_DISABLE_TELEMETRY"] = "true"
os.environ["MLFLOW_ENABLE_ASYNC_TRACE_LOGGING"] = "false"

import mlflow
from mlflow import MlflowClient
from mlflow.entities import AssessmentSource, Feedback
from mlflow.exceptions import MlflowException

mlflow.set_tracking_uri(sys.argv[1])
client = MlflowClient()
EXPERIMENT = mlflow.set_experiment("traced").experiment_id
ADA = AssessmentSource("HUMAN", "ada")


@mlflow.trace
def add(a, b):
    with mlflow.start_span("inner", span_type="TOOL") as span:
        span.set_inputs({"a": a, "deep": [1.5, None, {"x": True}]})
        span.set_outputs(a + b)
        span.set_attribute("tokens", 7)
        return a + b


@mlflow.trace
def broken():
    raise ValueError("no")


def search(text, **named):
    return [t.info.trace_id for t in mlflow.search_traces(filter_string=text, return_type="list", **named)]


def traces():
    add(1, 2)
    first = mlflow.get_last_active_trace_id()
    try:
        broken()
    except ValueError:
        failed = mlflow.get_last_active_trace_id()
    with mlflow.start_run() as run:
        add(3, 4)
    in_run = mlflow.get_last_active_trace_id()
    frame = mlflow.search_traces()
    assert list(frame.trace_id) == [in_run, failed, first], frame
    trace = mlflow.get_trace(first)
    outer, inner = trace.data.spans
    assert (outer.name, outer.inputs, outer.outputs) == ("add", {"a": 1, "b": 2}, 3)
    assert inner.parent_id == outer.span_id and inner.attributes["tokens"] == 7
    assert inner.inputs == {"a": 1, "deep": [1.5, None, {"x": True}]}, inner.inputs
    assert mlflow.get_trace(failed).data.spans[0].events[0].name == "exception"
    for text, expected in [
        ("status = 'ERROR'", [failed]),
        (f"attribute.run_id = '{run.info.run_id}'", [in_run]),
        ("span.name = 'inner' AND span.type = 'TOOL'", [in_run, first]),
        ("span.attributes.tokens = '7'", [in_run, first]),
        ("trace.name RLIKE '^bro'", [failed]),
        ("tag.none IS NULL", [in_run, failed, first]),
        ("execution_time_ms >= 0 AND timestamp_ms > 0", [in_run, failed, first]),
    ]:
        assert search(text) == expected, text
    assert search(None, run_id=run.info.run_id) == [in_run]
    assert search(None, order_by=["timestamp_ms ASC"], max_results=1) == [first]
    page = client.search_traces(locations=[EXPERIMENT], max_results=2)
    rest = client.search_traces(locations=[EXPERIMENT], max_results=2, page_token=page.token)
    assert [t.info.trace_id for t in page + rest] == [in_run, failed, first] and not rest.token
    mlflow.set_trace_tag(first, "team", "a")
    mlflow.set_trace_tag(first, "gone", "x")
    mlflow.delete_trace_tag(first, "gone")
    assert search("tag.team = 'a'") == [first] and "gone" not in mlflow.get_trace(first).info.tags
    client.link_traces_to_run([first], run.info.run_id)
    assert search(None, run_id=run.info.run_id) == [in_run, first]
    assert client.delete_traces(EXPERIMENT, trace_ids=[failed]) == 1
    assert search(None) == [in_run, first]
    return first


def assessments(trace_id):
    good = mlflow.log_feedback(trace_id=trace_id, name="good", value=True, rationale="because", source=ADA, metadata={"k": "v"})
    score = mlflow.log_feedback(trace_id=trace_id, name="score", value=0.5)
    answer = mlflow.log_expectation(trace_id=trace_id, name="answer", value={"sum": 3}, source=ADA)
    found = mlflow.get_assessment(trace_id, good.assessment_id)
    assert (found.value, found.rationale, found.source.source_id, found.metadata) == (True, "because", "ada", {"k": "v"})
    assert mlflow.get_assessment(trace_id, answer.assessment_id).value == {"sum": 3}
    mlflow.update_assessment(trace_id, good.assessment_id, Feedback(name="good", value=False))
    assert search("feedback.good = 'false'") == [trace_id] and search("feedback.good = 'true'") == []
    mlflow.override_feedback(trace_id=trace_id, assessment_id=score.assessment_id, value=0.9)
    assert not mlflow.get_assessment(trace_id, score.assessment_id).valid
    assert search("feedback.score > 0.8") == [trace_id] and search("feedback.score < 0.8") == []
    mlflow.delete_assessment(trace_id, answer.assessment_id)
    names = [a.name for a in mlflow.get_trace(trace_id).info.assessments]
    assert sorted(names) == ["good", "score", "score"], names


def datasets():
    import mlflow.genai.datasets as datasets

    made = datasets.create_dataset(name="qa", experiment_id=EXPERIMENT, tags={"v": "1"})
    made.merge_records([{"inputs": {"q": "a?"}, "expectations": {"a": "b"}}, {"inputs": {"q": "c?"}}])
    made.merge_records([{"inputs": {"q": "a?"}, "expectations": {"a": "z"}}])
    made.merge_records(mlflow.search_traces(return_type="list")[:1])
    found = datasets.get_dataset(name="qa")
    frame = found.to_df()
    assert list(frame.inputs) == [{"q": "a?"}, {"q": "c?"}, {"a": 3, "b": 4}], list(frame.inputs)
    assert frame.expectations[0] == {"a": "z"} and frame.outputs[2] == 7
    assert [d.name for d in datasets.search_datasets(filter_string="name = 'qa' AND tags.v = '1'")] == ["qa"]
    datasets.set_dataset_tags(dataset_id=found.dataset_id, tags={"w": "2"})
    datasets.delete_dataset_tag(dataset_id=found.dataset_id, key="v")
    assert datasets.get_dataset(dataset_id=found.dataset_id).tags["w"] == "2"
    datasets.add_dataset_to_experiments(found.dataset_id, ["0"])
    assert datasets.search_datasets(experiment_ids=["0"])
    datasets.remove_dataset_from_experiments(found.dataset_id, ["0"])
    assert not datasets.search_datasets(experiment_ids=["0"])
    found.delete_records([frame.dataset_record_id[0]])
    assert len(datasets.get_dataset(name="qa").to_df()) == 2
    datasets.delete_dataset(dataset_id=found.dataset_id)
    assert not datasets.search_datasets()


def prompts():
    from mlflow import genai

    genai.register_prompt(name="greet", template="Hello {{name}}", commit_message="first", tags={"l": "en"})
    genai.register_prompt(name="greet", template=[{"role": "user", "content": "Hi {{name}}"}])
    genai.set_prompt_alias("greet", "prod", 2)
    assert genai.load_prompt("prompts:/greet@prod").format(name="x") == [{"role": "user", "content": "Hi x"}]
    first = genai.load_prompt("greet", version=1)
    assert (first.template, first.commit_message, first.tags["l"]) == ("Hello {{name}}", "first", "en")
    genai.set_prompt_tag("greet", "t", "1")
    assert genai.get_prompt_tags("greet")["t"] == "1" and [p.name for p in genai.search_prompts()] == ["greet"]
    assert client.search_registered_models() == []
    genai.delete_prompt_alias("greet", "prod")

    @mlflow.trace
    def use():
        return genai.load_prompt("greet", version=1).format(name="z")

    use()
    assert search("prompt = 'greet/1'") == [mlflow.get_last_active_trace_id()]


def scorers():
    try:
        from mlflow.genai.scorers import Guidelines, delete_scorer, get_scorer, list_scorers
    except ImportError:
        # The small client comes without what scorers import; their methods are what it would ask.
        from mlflow.store.tracking.rest_store import RestStore

        store = client._tracking_client.store
        assert isinstance(store, RestStore)
        for text in ["{}", '{"x": 1}']:
            store.register_scorer(EXPERIMENT, "polite", text)
        assert [s.scorer_version for s in store.list_scorers(EXPERIMENT)] == [2]
        assert len(store.list_scorer_versions(EXPERIMENT, "polite")) == 2
        assert store.get_scorer(EXPERIMENT, "polite", 1)._serialized_scorer == "{}"
        store.delete_scorer(EXPERIMENT, "polite")
        return
    Guidelines(name="polite", guidelines="be polite", model="openai:/gpt-4").register(name="polite")
    Guidelines(name="polite", guidelines="be kind", model="openai:/gpt-4").register(name="polite")
    assert [s.guidelines for s in list_scorers()] == ["be kind"]
    assert get_scorer(name="polite", version=1).guidelines == "be polite"
    delete_scorer(name="polite", version="all")
    try:
        get_scorer(name="polite")
    except MlflowException as error:
        assert error.error_code == "RESOURCE_DOES_NOT_EXIST", error
    else:
        raise AssertionError("a deleted scorer was found")


def webhooks():
    from mlflow.entities.webhook import WebhookEvent, WebhookStatus

    made = client.create_webhook("chat", "https://8.8.8.8/hook", ["model_version.created", "prompt_alias.deleted"], secret="s")
    assert client.get_webhook(made.webhook_id).events == [WebhookEvent.from_str("model_version.created"), WebhookEvent.from_str("prompt_alias.deleted")]
    changed = client.update_webhook(made.webhook_id, description="says it", status=WebhookStatus.DISABLED)
    assert (changed.name, changed.description, changed.status) == ("chat", "says it", "DISABLED")
    assert [w.webhook_id for w in client.list_webhooks()] == [made.webhook_id]
    try:
        client.create_webhook("inward", "https://169.254.169.254/latest", ["prompt.created"])
    except MlflowException as error:
        assert error.error_code == "INVALID_PARAMETER_VALUE", error
    else:
        raise AssertionError("an inward address was taken")
    client.delete_webhook(made.webhook_id)
    assert not client.list_webhooks()


trace_id = traces()
print("traces good")
for part, arguments in [(assessments, [trace_id]), (datasets, []), (prompts, []), (scorers, []), (webhooks, [])]:
    part(*arguments)
    print(part.__name__, "good")
print("all good")
