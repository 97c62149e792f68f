//! The answer to an inference request: which tensors, in JSON or in binary.

use arrow::array::{Array, AsArray};
use arrow::datatypes::{DataType, Float64Type, Int64Type};
use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::{Serialize, Serializer};

use super::HEADER_LENGTH;
use super::message::InferRequest;
use super::served::{Answered, Served};
use crate::refusal::Refusal;

/// The tensors to answer with, by their place among the service's outputs, and whether each is
/// wanted in binary.
pub struct Outputs(Vec<(usize, bool)>);

impl Outputs {
    /// All of them, where the request names none.
    pub fn asked(served: &Served, request: &InferRequest<'_>) -> Result<Self, Refusal> {
        let all_binary = request
            .parameters
            .and_then(|p| p.binary_data_output)
            .unwrap_or(false);
        let Some(named) = request.outputs.as_ref().filter(|named| !named.is_empty()) else {
            let all = 0..served.outputs.len();
            return Ok(Self(all.map(|place| (place, all_binary)).collect()));
        };
        let output = |tensor: &super::message::OutputTensor<'_>| {
            let parameters = tensor.parameters.unwrap_or_default();
            if parameters.classification.is_some_and(|n| n > 0) {
                return Err(Refusal::bad_request(
                    "classification of outputs is not supported",
                ));
            }
            let mut names = served.outputs.iter().map(|(name, _)| name);
            let known = names.position(|name| *name == *tensor.name);
            let binary = parameters.binary_data.unwrap_or(all_binary);
            known.map(|place| (place, binary)).ok_or_else(|| {
                let names = served.outputs.iter().map(|(name, _)| name.as_str());
                let names: Vec<&str> = names.collect();
                Refusal::bad_request(format!(
                    "output '{}' is unknown; known are: {}",
                    tensor.name,
                    names.join(", ")
                ))
            })
        };
        named.iter().map(output).collect::<Result<_, _>>().map(Self)
    }
}

#[derive(Serialize)]
struct Answer<'a> {
    model_name: &'a str,
    model_version: &'a str,
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<&'a str>,
    parameters: Names<'a>,
    outputs: Vec<Tensor<'a>>,
}

/// The registered model behind the service.
#[derive(Serialize)]
struct Names<'a> {
    registered_model: &'a str,
    registered_model_version: &'a str,
}

#[derive(Serialize)]
struct Tensor<'a> {
    name: &'a str,
    datatype: &'static str,
    shape: [usize; 1],
    #[serde(skip_serializing_if = "Option::is_none")]
    parameters: Option<BinarySize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    data: Option<Data<'a>>,
}

#[derive(Serialize)]
struct BinarySize {
    binary_data_size: usize,
}

/// Values of an output, row by row, written straight from its column.
struct Data<'a>(&'a dyn Array);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0.data_type() {
            DataType::Boolean => serializer.collect_seq(self.0.as_boolean().iter().flatten()),
            DataType::Int64 => serializer.collect_seq(self.0.as_primitive::<Int64Type>().values()),
            DataType::Float64 => {
                serializer.collect_seq(self.0.as_primitive::<Float64Type>().values())
            }
            _ => serializer.collect_seq(self.0.as_string::<i32>().iter().flatten()),
        }
    }
}

pub fn response(
    served: &Served,
    request: &InferRequest<'_>,
    outputs: Outputs,
    answered: &Answered,
) -> Response {
    let rows = answered.rows.num_rows();
    let mut binary = Vec::new();
    let tensor = |(place, is_binary): (usize, bool)| {
        let (name, datatype) = &served.outputs[place];
        let column = &**answered.rows.column(place);
        let before = binary.len();
        if is_binary {
            pack(column, &mut binary);
        }
        let size = BinarySize {
            binary_data_size: binary.len() - before,
        };
        Tensor {
            name,
            datatype: datatype.name(),
            shape: [rows],
            parameters: is_binary.then_some(size),
            data: (!is_binary).then_some(Data(column)),
        }
    };
    let body = Answer {
        model_name: &served.name,
        model_version: &answered.version,
        id: request.id.as_ref().map(|id| &*id.0),
        parameters: Names {
            registered_model: &served.model,
            registered_model_version: &answered.version,
        },
        outputs: outputs.0.into_iter().map(tensor).collect(),
    };
    let mut json = Vec::with_capacity(256 + 160 * rows);
    serde_json::to_writer(&mut json, &body).expect("plain values are written into memory");
    write(json, &binary)
}

fn write(mut json: Vec<u8>, binary: &[u8]) -> Response {
    if binary.is_empty() {
        let mut response = Response::new(Body::from(json));
        let kind = HeaderValue::from_static("application/json");
        response.headers_mut().insert(header::CONTENT_TYPE, kind);
        return response;
    }
    let length = HeaderValue::from(json.len());
    json.extend_from_slice(binary);
    let mut response = Response::new(Body::from(json));
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("application/octet-stream"),
    );
    headers.insert(HeaderName::from_static(HEADER_LENGTH), length);
    response
}

fn pack(column: &dyn Array, out: &mut Vec<u8>) {
    match column.data_type() {
        DataType::Boolean => out.extend(column.as_boolean().iter().flatten().map(u8::from)),
        DataType::Int64 => {
            let values = column.as_primitive::<Int64Type>().values();
            values
                .iter()
                .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        DataType::Float64 => {
            let values = column.as_primitive::<Float64Type>().values();
            values
                .iter()
                .for_each(|value| out.extend_from_slice(&value.to_le_bytes()));
        }
        _ => column.as_string::<i32>().iter().flatten().for_each(|text| {
            out.extend_from_slice(&(text.len() as u32).to_le_bytes());
            out.extend_from_slice(text.as_bytes());
        }),
    }
}
