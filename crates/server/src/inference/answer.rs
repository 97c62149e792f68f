//! The answer to an inference request: which tensors, in JSON or in binary.

use axum::body::Body;
use axum::http::{HeaderName, HeaderValue, header};
use axum::response::Response;
use serde::{Serialize, Serializer};

use super::HEADER_LENGTH;
use super::kind::Datatype;
use super::message::InferRequest;
use super::served::{Answered, Prediction, Served};
use crate::refusal::Refusal;

/// An output tensor of every service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Output {
    Score,
    Label,
    PredictionId,
    StaleFeatures,
}

impl Output {
    pub const ALL: [Output; 4] = [
        Output::Score,
        Output::Label,
        Output::PredictionId,
        Output::StaleFeatures,
    ];

    pub fn name(self) -> &'static str {
        match self {
            Output::Score => "score",
            Output::Label => "label",
            Output::PredictionId => "prediction_id",
            Output::StaleFeatures => "stale_features",
        }
    }

    pub fn datatype(self) -> Datatype {
        match self {
            Output::Score => Datatype::Fp64,
            Output::Label => Datatype::Bool,
            Output::PredictionId | Output::StaleFeatures => Datatype::Bytes,
        }
    }
}

/// The tensors to answer with, in order, and whether each is wanted in binary.
pub struct Outputs(Vec<(Output, bool)>);

impl Outputs {
    /// All of them, where the request names none.
    pub fn asked(request: &InferRequest<'_>) -> Result<Self, Refusal> {
        let all_binary = request
            .parameters
            .and_then(|p| p.binary_data_output)
            .unwrap_or(false);
        let Some(named) = request.outputs.as_ref().filter(|named| !named.is_empty()) else {
            return Ok(Self(
                Output::ALL.map(|output| (output, all_binary)).to_vec(),
            ));
        };
        let output = |tensor: &super::message::OutputTensor<'_>| {
            let parameters = tensor.parameters.unwrap_or_default();
            if parameters.classification.is_some_and(|n| n > 0) {
                return Err(Refusal::bad_request(
                    "classification of outputs is not supported",
                ));
            }
            let known = Output::ALL
                .into_iter()
                .find(|output| output.name() == tensor.name);
            let binary = parameters.binary_data.unwrap_or(all_binary);
            known.map(|output| (output, binary)).ok_or_else(|| {
                let names = Output::ALL.map(Output::name).join(", ");
                Refusal::bad_request(format!(
                    "output '{}' is unknown; known are: {names}",
                    tensor.name
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
    name: &'static str,
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

/// Values of an output, row by row, written straight from the predictions.
struct Data<'a>(Output, &'a [Prediction]);

impl Serialize for Data<'_> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.0 {
            Output::Score => serializer.collect_seq(self.1.iter().map(|p| p.score)),
            Output::Label => serializer.collect_seq(self.1.iter().map(|p| p.label)),
            Output::PredictionId => serializer.collect_seq(self.1.iter().map(|p| &p.id)),
            Output::StaleFeatures => {
                serializer.collect_seq(self.1.iter().map(|p| p.stale.join(",")))
            }
        }
    }
}

pub fn response(
    served: &Served,
    request: &InferRequest<'_>,
    outputs: Outputs,
    answered: &Answered,
) -> Response {
    let rows = &answered.predictions[..];
    let mut binary = Vec::new();
    let tensor = |(output, is_binary): (Output, bool)| {
        let before = binary.len();
        if is_binary {
            pack(output, rows, &mut binary);
        }
        let size = BinarySize {
            binary_data_size: binary.len() - before,
        };
        Tensor {
            name: output.name(),
            datatype: output.datatype().name(),
            shape: [rows.len()],
            parameters: is_binary.then_some(size),
            data: (!is_binary).then_some(Data(output, rows)),
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
    let mut json = Vec::with_capacity(256 + 160 * rows.len());
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

fn pack(output: Output, rows: &[Prediction], out: &mut Vec<u8>) {
    let mut text = |text: &str| {
        out.extend_from_slice(&(text.len() as u32).to_le_bytes());
        out.extend_from_slice(text.as_bytes());
    };
    match output {
        Output::PredictionId => rows.iter().for_each(|p| text(&p.id)),
        Output::StaleFeatures => rows.iter().for_each(|p| text(&p.stale.join(","))),
        Output::Score => rows
            .iter()
            .for_each(|p| out.extend_from_slice(&p.score.to_le_bytes())),
        Output::Label => out.extend(rows.iter().map(|p| u8::from(p.label))),
    }
}
