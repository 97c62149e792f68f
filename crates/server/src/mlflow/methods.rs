//! Which of MLflow's methods is answered by what: one list a topic. Any other is not found.

use super::endpoint::{Endpoint, delete, get, patch, post};
use super::{
    assessments, evaluation, experiments, logged_models, plain, registry, runs, traces, webhooks,
};

pub fn all() -> Vec<Endpoint> {
    let below = |prefix: &'static str, methods: Vec<Endpoint>| {
        methods.into_iter().map(move |method| method.below(prefix))
    };
    let others = vec![get("2.0/mlflow-artifacts/artifacts", plain::list_artifacts)];
    below("2.0/mlflow", tracking())
        .chain(below("2.0/mlflow", self::registry()))
        .chain(below("2.0/mlflow", self::webhooks()))
        .chain(below("2.0/mlflow", traces_2()))
        .chain(below("3.0/mlflow", traces_3()))
        .chain(below("3.0/mlflow", self::evaluation()))
        .chain(others)
        .collect()
}

fn tracking() -> Vec<Endpoint> {
    vec![
        post("experiments/create", experiments::create),
        get("experiments/get", experiments::get),
        get("experiments/get-by-name", experiments::get_by_name),
        get("experiments/search", experiments::search),
        post("experiments/search", experiments::search),
        post("experiments/update", experiments::update),
        post("experiments/delete", experiments::delete),
        post("experiments/restore", experiments::restore),
        post("experiments/set-experiment-tag", experiments::set_tag),
        post("experiments/delete-experiment-tag", experiments::delete_tag),
        post("runs/create", runs::create),
        get("runs/get", runs::get),
        post("runs/search", runs::search),
        post("runs/update", runs::update),
        post("runs/delete", runs::delete),
        post("runs/restore", runs::restore),
        post("runs/log-metric", runs::log_metric),
        post("runs/log-parameter", runs::log_parameter),
        post("runs/log-batch", runs::log_batch),
        post("runs/set-tag", runs::set_tag),
        post("runs/delete-tag", runs::delete_tag),
        post("runs/log-inputs", runs::log_inputs),
        post("runs/outputs", runs::log_outputs),
        get("metrics/get-history", runs::metric_history),
        get("artifacts/list", plain::list_run_artifacts),
        post("logged-models", logged_models::create),
        post("logged-models/search", logged_models::search),
        get("logged-models/{model_id}", logged_models::get),
        patch("logged-models/{model_id}", logged_models::finalize),
        delete("logged-models/{model_id}", logged_models::delete),
        post("logged-models/{model_id}/params", logged_models::log_params),
        patch("logged-models/{model_id}/tags", logged_models::set_tags),
        delete(
            "logged-models/{model_id}/tags/{tag_key}",
            logged_models::delete_tag,
        ),
        get(
            "logged-models/{model_id}/artifacts/directories",
            plain::list_model_artifacts,
        ),
    ]
}

fn registry() -> Vec<Endpoint> {
    vec![
        post("registered-models/create", registry::create_model),
        get("registered-models/get", registry::get_model),
        get("registered-models/search", registry::search_models),
        patch("registered-models/update", registry::update_model),
        post("registered-models/rename", registry::rename_model),
        delete("registered-models/delete", registry::delete_model),
        post("registered-models/set-tag", registry::set_model_tag),
        delete("registered-models/delete-tag", registry::delete_model_tag),
        get(
            "registered-models/get-latest-versions",
            registry::latest_versions,
        ),
        post(
            "registered-models/get-latest-versions",
            registry::latest_versions,
        ),
        post("registered-models/alias", registry::set_alias),
        get("registered-models/alias", registry::get_alias),
        delete("registered-models/alias", registry::delete_alias),
        post("model-versions/create", registry::create_version),
        get("model-versions/get", registry::get_version),
        get("model-versions/search", registry::search_versions),
        patch("model-versions/update", registry::update_version),
        post(
            "model-versions/transition-stage",
            registry::transition_stage,
        ),
        delete("model-versions/delete", registry::delete_version),
        post("model-versions/set-tag", registry::set_version_tag),
        delete("model-versions/delete-tag", registry::delete_version_tag),
        get("model-versions/get-download-uri", registry::download_uri),
    ]
}

/// What the client of version 3 still asks of the older protocol.
fn traces_2() -> Vec<Endpoint> {
    vec![
        patch("traces/{trace_id}/tags", traces::set_tag),
        delete("traces/{trace_id}/tags", traces::delete_tag),
        post("traces/delete-traces", traces::delete),
        post("traces/link-to-run", traces::link_to_run),
        post("traces/link-prompts", traces::link_prompts),
    ]
}

fn traces_3() -> Vec<Endpoint> {
    vec![
        get("server-info", plain::server_info),
        post("traces", traces::start),
        post("traces/search", traces::search),
        get("traces/get", traces::get_whole),
        get("traces/batchGet", traces::get_many),
        post("traces/batchGetInfos", traces::get_infos),
        post("traces/delete-traces", traces::delete),
        get("traces/{trace_id}", traces::get),
        patch("traces/{trace_id}/tags", traces::set_tag),
        delete("traces/{trace_id}/tags", traces::delete_tag),
        post("traces/{trace_id}/assessments", assessments::create),
        get(
            "traces/{trace_id}/assessments/{assessment_id}",
            assessments::get,
        ),
        patch(
            "traces/{trace_id}/assessments/{assessment_id}",
            assessments::update,
        ),
        delete(
            "traces/{trace_id}/assessments/{assessment_id}",
            assessments::delete,
        ),
    ]
}

fn evaluation() -> Vec<Endpoint> {
    vec![
        post("datasets/create", evaluation::create),
        get("datasets/search", evaluation::search),
        post("datasets/search", evaluation::search),
        get("datasets/{dataset_id}", evaluation::get),
        delete("datasets/{dataset_id}", evaluation::delete),
        patch("datasets/{dataset_id}/tags", evaluation::set_tags),
        delete("datasets/{dataset_id}/tags/{key}", evaluation::delete_tag),
        get("datasets/{dataset_id}/records", evaluation::records),
        post("datasets/{dataset_id}/records", evaluation::upsert),
        delete("datasets/{dataset_id}/records", evaluation::delete_records),
        get(
            "datasets/{dataset_id}/experiment-ids",
            evaluation::experiments,
        ),
        post(
            "datasets/{dataset_id}/add-experiments",
            evaluation::add_experiments,
        ),
        post(
            "datasets/{dataset_id}/remove-experiments",
            evaluation::remove_experiments,
        ),
        post("scorers/register", evaluation::register_scorer),
        get("scorers/list", evaluation::scorers),
        get("scorers/versions", evaluation::scorer_versions),
        get("scorers/get", evaluation::get_scorer),
        delete("scorers/delete", evaluation::delete_scorer),
        get("scorers/online-configs", evaluation::online_scorers),
    ]
}

fn webhooks() -> Vec<Endpoint> {
    vec![
        post("webhooks", webhooks::create),
        get("webhooks", webhooks::list),
        get("webhooks/{webhook_id}", webhooks::get),
        patch("webhooks/{webhook_id}", webhooks::update),
        delete("webhooks/{webhook_id}", webhooks::delete),
        post("webhooks/{webhook_id}/test", webhooks::test),
    ]
}
