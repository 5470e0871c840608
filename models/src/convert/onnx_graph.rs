//! As much of ONNX's protobuf as a graph's weights and their consumers need.
//!
//! Field numbers are those of ONNX's `onnx.proto`.

use prost::Message;
use prost::bytes::Bytes;

use super::ConvertError;

#[derive(Clone, PartialEq, Message)]
struct Model {
    #[prost(message, optional, tag = "7")]
    graph: Option<Graph>,
}

/// Nodes and constant tensors of a model.
#[derive(Clone, PartialEq, Message)]
pub struct Graph {
    /// Operations, in an order that can be run.
    #[prost(message, repeated, tag = "1")]
    pub nodes: Vec<Node>,
    /// Weights and other constants.
    #[prost(message, repeated, tag = "5")]
    pub initializers: Vec<Constant>,
}

/// One operation.
#[derive(Clone, PartialEq, Message)]
pub struct Node {
    /// Names of what it takes; empty for what is left out.
    #[prost(string, repeated, tag = "1")]
    pub inputs: Vec<String>,
    /// Names of what it gives.
    #[prost(string, repeated, tag = "2")]
    pub outputs: Vec<String>,
    /// Its path within the model that was exported.
    #[prost(string, tag = "3")]
    pub name: String,
    /// Which operation it is.
    #[prost(string, tag = "4")]
    pub operation: String,
}

/// A constant tensor.
#[derive(Clone, PartialEq, Message)]
pub struct Constant {
    #[prost(int64, repeated, tag = "1")]
    extents: Vec<i64>,
    #[prost(int32, tag = "2")]
    type_code: i32,
    #[prost(float, repeated, tag = "4")]
    floats: Vec<f32>,
    #[prost(int32, repeated, tag = "5")]
    integers: Vec<i32>,
    /// Its name in the graph.
    #[prost(string, tag = "8")]
    pub name: String,
    #[prost(bytes = "bytes", tag = "9")]
    raw: Bytes,
}

const TYPE_F32: i32 = 1;
const TYPE_U8: i32 = 2;
const TYPE_I8: i32 = 3;

/// A tensor of float32, row-major.
#[derive(Clone, Debug, PartialEq)]
pub struct Floats {
    /// Extent of each dimension; none for a single number.
    pub shape: Vec<usize>,
    /// The values.
    pub values: Vec<f32>,
}

impl Graph {
    /// Parses a model file.
    ///
    /// # Errors
    /// [`ConvertError::Format`] when it is not one.
    pub fn parse(file: Vec<u8>) -> Result<Self, ConvertError> {
        let malformed = |what: String| ConvertError::Format { format: "ONNX", what };
        let model = Model::decode(Bytes::from(file)).map_err(|error| malformed(error.to_string()))?;
        model.graph.ok_or_else(|| malformed("it has no graph".to_owned()))
    }
}

impl Constant {
    /// Whether its values are single-precision numbers.
    pub fn is_float(&self) -> bool {
        self.type_code == TYPE_F32
    }

    /// Its values as float32, whichever of float32, int8 and uint8 they are.
    ///
    /// # Errors
    /// [`ConvertError::Format`] for other types, or when shape and length disagree.
    pub fn to_floats(&self) -> Result<Floats, ConvertError> {
        let malformed = |what: &str| ConvertError::Format { format: "ONNX", what: format!("{} {what}", self.name) };
        let extents = self.extents.iter().map(|extent| usize::try_from(*extent));
        let shape = extents.collect::<Result<Vec<_>, _>>().map_err(|_| malformed("has a negative extent"))?;
        let single = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
        let values: Vec<f32> = match (self.type_code, self.raw.is_empty()) {
            (TYPE_F32, false) => self.raw.chunks_exact(4).map(single).collect(),
            (TYPE_F32, true) => self.floats.clone(),
            (TYPE_U8, false) => self.raw.iter().map(|byte| f32::from(*byte)).collect(),
            (TYPE_I8, false) => self.raw.iter().map(|byte| f32::from(byte.cast_signed())).collect(),
            (TYPE_U8 | TYPE_I8, true) => self.integers.iter().map(|value| *value as f32).collect(),
            _ => return Err(malformed("has an unexpected number format")),
        };
        if values.len() != shape.iter().product::<usize>() {
            return Err(malformed("has another number of values than its shape"));
        }
        Ok(Floats { shape, values })
    }
}
