-- The tables of an MLflow 3 SQLite file that `import_mlflow.sql` reads.
create table other.experiments (experiment_id integer, name text, artifact_location text, lifecycle_stage text, creation_time integer, last_update_time integer, workspace text);
create table other.experiment_tags (key text, value text, experiment_id integer);
create table other.runs (run_uuid text, name text, user_id text, status text, start_time integer, end_time integer, lifecycle_stage text, artifact_uri text, experiment_id integer, deleted_time integer);
create table other.params (key text, value text, run_uuid text);
create table other.metrics (key text, value float, timestamp integer, run_uuid text, step integer, is_nan boolean);
create table other.tags (key text, value text, run_uuid text);
create table other.datasets (dataset_uuid text, experiment_id integer, name text, digest text, dataset_source_type text, dataset_source text, dataset_schema text, dataset_profile text);
create table other.inputs (input_uuid text, source_type text, source_id text, destination_type text, destination_id text, step integer);
create table other.input_tags (input_uuid text, name text, value text);
create table other.logged_models (model_id text, experiment_id integer, name text, artifact_location text, creation_timestamp_ms integer, last_updated_timestamp_ms integer, status integer, lifecycle_stage text, model_type text, source_run_id text, status_message text);
create table other.logged_model_params (model_id text, experiment_id integer, param_key text, param_value text);
create table other.logged_model_tags (model_id text, experiment_id integer, tag_key text, tag_value text);
create table other.logged_model_metrics (model_id text, metric_name text, metric_timestamp_ms integer, metric_step integer, metric_value float, experiment_id integer, run_id text, dataset_uuid text, dataset_name text, dataset_digest text);
create table other.registered_models (name text, creation_time integer, last_updated_time integer, description text, workspace text);
create table other.registered_model_tags (key text, value text, name text, workspace text);
create table other.registered_model_aliases (alias text, version integer, name text, workspace text);
create table other.model_versions (name text, version integer, creation_time integer, last_updated_time integer, description text, user_id text, current_stage text, source text, run_id text, status text, status_message text, run_link text, storage_location text, workspace text);
create table other.model_version_tags (key text, value text, name text, version integer, workspace text);
