//! The files of an MLflow model around `model.onnx`.
//!
//! <https://mlflow.org/docs/latest/ml/model/>: `MLmodel` names the flavours `onnx` and
//! `python_function`, which `mlflow.pyfunc.load_model` reads. The latter has a loader of its own:
//! MLflow's for ONNX knows neither pandas' texts nor missing ones.

use arrow::array::RecordBatch;
use arrow::util::display::{ArrayFormatter, FormatOptions};
use forebay_core::ml::Task;
use forebay_core::{Diagnostic, digest};
use serde_json::{Value, json};

use super::translate::translate;
use crate::encode::{Feature, Kind};
use crate::model::Model;

const LOADER: &str = include_str!("forebay_model.py");
/// What loads the model in Python: the versions that it was tried with, and later ones.
const REQUIREMENTS: [&str; 5] = [
    "mlflow>=3.0",
    "numpy",
    "onnx>=1.16",
    "onnxruntime>=1.18",
    "pandas",
];
const PYTHON: &str = "3.11";
const MLFLOW: &str = "3.17.2";

/// `example` are a few rows with the model's features.
pub fn folder(
    model: &Model,
    example: &RecordBatch,
) -> Result<Vec<(&'static str, Vec<u8>)>, Diagnostic> {
    let (split, serving) = examples(model, example)?;
    let mut files = environment();
    files.extend([
        ("MLmodel", description(model)?.into_bytes()),
        ("model.onnx", translate(model)),
        ("code/forebay_model.py", LOADER.into()),
        ("input_example.json", json_bytes(&split)?),
        ("serving_input_example.json", json_bytes(&serving)?),
    ]);
    Ok(files)
}

/// The folder of an ONNX model of which nothing else is known.
pub fn bare_folder(model: Vec<u8>) -> Vec<(&'static str, Vec<u8>)> {
    let description = json!({
        "artifact_path": "model",
        "flavors": flavours(json!({"loader_module": "mlflow.onnx"})),
        "mlflow_version": MLFLOW,
        "model_uuid": digest::hex(&model)[..32],
    });
    let mut files = environment();
    files.push(("MLmodel", format!("{description:#}").into_bytes()));
    files.push(("model.onnx", model));
    files
}

/// `requirements.txt` and what refers to it.
fn environment() -> Vec<(&'static str, Vec<u8>)> {
    let requirements = REQUIREMENTS.map(|line| format!("{line}\n")).concat();
    let pip = REQUIREMENTS.map(|line| format!("  - {line}\n"));
    let conda = format!(
        "name: mlflow-env\nchannels:\n- conda-forge\ndependencies:\n- python={PYTHON}\n- pip\n- pip:\n{}",
        pip.concat()
    );
    let python = format!(
        "python: \"{PYTHON}\"\nbuild_dependencies:\n- pip\ndependencies:\n- -r requirements.txt\n"
    );
    vec![
        ("requirements.txt", requirements.into_bytes()),
        ("conda.yaml", conda.into_bytes()),
        ("python_env.yaml", python.into_bytes()),
    ]
}

/// The flavours of a model in `model.onnx`; `loader` says how `python_function` loads it.
fn flavours(loader: Value) -> Value {
    let mut function = json!({
        "data": "model.onnx",
        "env": {"conda": "conda.yaml", "virtualenv": "python_env.yaml"},
        "python_version": PYTHON,
    });
    if let (Value::Object(function), Value::Object(loader)) = (&mut function, loader) {
        function.extend(loader);
    }
    json!({
        "onnx": {
            "code": null,
            "data": "model.onnx",
            "onnx_version": "1.16.0",
            "providers": ["CPUExecutionProvider"],
        },
        "python_function": function,
    })
}

/// JSON is YAML: what needs no quotes elsewhere needs no care here.
fn description(model: &Model) -> Result<String, Diagnostic> {
    let hash = digest::hex(format!("model/{}", model.training_hash).as_bytes());
    let inputs: Vec<Value> = model.features.features.iter().map(input).collect();
    let outputs: Vec<Value> = outputs(model)
        .into_iter()
        .map(|(name, kind)| json!({"type": kind, "name": name, "required": true}))
        .collect();
    let description = json!({
        "artifact_path": "model",
        "flavors": flavours(json!({"code": "code", "loader_module": "forebay_model"})),
        "metadata": {"forebay_training_hash": model.training_hash},
        "mlflow_version": MLFLOW,
        "model_uuid": hash[..32],
        "saved_input_example_info": {
            "artifact_path": "input_example.json",
            "pandas_orient": "split",
            "serving_input_path": "serving_input_example.json",
            "type": "dataframe",
        },
        "signature": {
            "inputs": Value::from(inputs).to_string(),
            "outputs": Value::from(outputs).to_string(),
            "params": null,
        },
    });
    serde_json::to_string_pretty(&description).map_err(unwritable)
}

fn input(feature: &Feature) -> Value {
    let kind = match feature.kind {
        Kind::Number | Kind::Boolean => "double",
        Kind::Category { .. } => "string",
    };
    json!({"type": kind, "name": feature.name, "required": true})
}

fn outputs(model: &Model) -> Vec<(String, &'static str)> {
    match model.task {
        Task::Binary | Task::Regression => vec![("score".to_owned(), "double")],
        Task::Clusters => vec![
            ("cluster".to_owned(), "long"),
            ("squared_distance".to_owned(), "double"),
        ],
        Task::Multiclass => {
            let shares = model.classes.iter();
            let shares = shares.map(|class| (format!("probability_{class}"), "double"));
            std::iter::once(("label".to_owned(), "string"))
                .chain(shares)
                .collect()
        }
    }
}

/// The rows as pandas splits them, and as MLflow's scoring server takes them.
fn examples(model: &Model, rows: &RecordBatch) -> Result<(Value, Value), Diagnostic> {
    let names: Vec<&str> = model.feature_names().collect();
    let mut data = vec![Vec::with_capacity(names.len()); rows.num_rows()];
    if rows.num_rows() > 0 {
        let matrix = model.features.matrix(std::slice::from_ref(rows))?;
        for (index, feature) in model.features.features.iter().enumerate() {
            let texts = match feature.kind {
                Kind::Category { .. } => Some(texts(rows, &feature.name)?),
                Kind::Number | Kind::Boolean => None,
            };
            for (row, cells) in data.iter_mut().enumerate() {
                cells.push(match &texts {
                    Some(texts) => texts[row].clone(),
                    None => json!(matrix.column(index)[row]),
                });
            }
        }
    }
    let split = json!({"columns": names, "data": data});
    Ok((split.clone(), json!({"dataframe_split": split})))
}

fn texts(rows: &RecordBatch, name: &str) -> Result<Vec<Value>, Diagnostic> {
    use arrow::array::Array;
    let column = rows
        .column_by_name(name)
        .ok_or_else(|| Diagnostic::internal(format!("the example lacks '{name}'")))?;
    let options = FormatOptions::default();
    let formatter = ArrayFormatter::try_new(column, &options)
        .map_err(|error| Diagnostic::internal(format!("the example's '{name}': {error}")))?;
    let value = |row: usize| match column.is_null(row) {
        true => Value::Null,
        false => Value::from(formatter.value(row).to_string()),
    };
    Ok((0..rows.num_rows()).map(value).collect())
}

fn json_bytes(value: &Value) -> Result<Vec<u8>, Diagnostic> {
    serde_json::to_vec(value).map_err(unwritable)
}

fn unwritable(error: serde_json::Error) -> Diagnostic {
    Diagnostic::internal(format!("cannot encode the model's folder: {error}"))
}
