//! A graph of operators under construction.

use super::proto::{self, Attribute, Message, Type};

/// Opsets of `ai.onnx` and `ai.onnx.ml`, and the format that came with them.
const OPSET: i64 = 17;
const ML_OPSET: i64 = 3;
const IR_VERSION: i64 = 8;
const ML: &str = "ai.onnx.ml";

/// Values are known by name; every call adds one and returns it.
#[derive(Default)]
pub struct Graph {
    nodes: Vec<Message>,
    constants: Vec<Message>,
    inputs: Vec<Message>,
    outputs: Vec<Message>,
    names: usize,
}

impl Graph {
    /// Names of our own values cannot be those of inputs: they have a slash.
    fn name(&mut self, what: &str) -> String {
        self.names += 1;
        format!("forebay/{what}_{}", self.names)
    }

    pub fn input(&mut self, name: &str, of: Type, width: Option<i64>) {
        self.inputs.push(proto::value(name, of, width));
    }

    /// Gives a value its name to the outside.
    pub fn output(&mut self, value: &str, name: &str, of: Type) {
        self.node("", "Identity", &[value], name, &[]);
        self.outputs.push(proto::value(name, of, None));
    }

    pub fn doubles(&mut self, shape: &[i64], values: &[f64]) -> String {
        let name = self.name("doubles");
        self.constants.push(proto::doubles(&name, shape, values));
        name
    }

    pub fn ints(&mut self, values: &[i64]) -> String {
        let name = self.name("ints");
        let shape = [values.len() as i64];
        self.constants
            .push(proto::whole_numbers(&name, &shape, values));
        name
    }

    pub fn texts(&mut self, values: &[String]) -> String {
        let name = self.name("texts");
        let shape = [values.len() as i64];
        self.constants.push(proto::texts(&name, &shape, values));
        name
    }

    pub fn op(&mut self, operator: &str, inputs: &[&str]) -> String {
        self.op_with(operator, inputs, &[])
    }

    pub fn op_with(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        let output = self.name(operator);
        self.node("", operator, inputs, &output, attributes);
        output
    }

    /// An operator of `ai.onnx.ml`.
    pub fn ml_op(
        &mut self,
        operator: &str,
        inputs: &[&str],
        attributes: &[(&str, Attribute)],
    ) -> String {
        let output = self.name(operator);
        self.node(ML, operator, inputs, &output, attributes);
        output
    }

    pub fn cast(&mut self, value: &str, to: Type) -> String {
        self.op_with("Cast", &[value], &[("to", Attribute::Int(to as i64))])
    }

    pub fn reshape(&mut self, value: &str, shape: &[i64]) -> String {
        let shape = self.ints(shape);
        self.op("Reshape", &[value, &shape])
    }

    /// Side by side.
    pub fn concat(&mut self, columns: &[String]) -> String {
        let columns: Vec<&str> = columns.iter().map(String::as_str).collect();
        self.op_with("Concat", &columns, &[("axis", Attribute::Int(1))])
    }

    fn node(
        &mut self,
        domain: &str,
        operator: &str,
        inputs: &[&str],
        output: &str,
        attributes: &[(&str, Attribute)],
    ) {
        let node = inputs
            .iter()
            .fold(Message::new(), |node, input| node.text(1, input));
        let node = node.text(2, output).text(3, output).text(4, operator);
        let node = attributes.iter().fold(node, |node, (name, value)| {
            node.message(5, &value.message(name))
        });
        self.nodes.push(node.text(7, domain));
    }

    /// The bytes of a `ModelProto`.
    pub fn finish(self, name: &str) -> Vec<u8> {
        let list = |graph: Message, field: u32, items: &[Message]| {
            items
                .iter()
                .fold(graph, |graph, item| graph.message(field, item))
        };
        let graph = list(Message::new(), 1, &self.nodes).text(2, name);
        let graph = list(graph, 5, &self.constants);
        let graph = list(list(graph, 11, &self.inputs), 12, &self.outputs);
        let opset = |domain: &str, version| Message::new().text(1, domain).int(2, version);
        Message::new()
            .int(1, IR_VERSION)
            .text(2, "forebay")
            .text(3, env!("CARGO_PKG_VERSION"))
            .message(7, &graph)
            .message(8, &opset("", OPSET))
            .message(8, &opset(ML, ML_OPSET))
            .0
    }
}
