//! Kokoro-82M in int8 ONNX, as published by the project kokoro-onnx.
//!
//! Quantised weights have lost their names, and equal zero points are shared between layers: so weights are found
//! through the nodes that consume them, whose names still tell the module. Weight norm was folded at export.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use super::ConvertError;
use super::onnx_graph::{Constant, Floats, Graph, Node};
use super::safetensors_file::{self, Format, Tensor};

const METADATA: [(&str, &str); 3] = [("format", "pt"), ("source", "kokoro-v1.0.int8.onnx"), ("weight_norm", "folded")];

/// ONNX stacks an LSTM's gates as input, output, forget, cell; PyTorch as input, forget, cell, output.
const GATES_IN_TORCH_ORDER: [usize; 4] = [0, 2, 3, 1];

/// Converts Kokoro's weights to float32 safetensors with the names of the PyTorch package `kokoro` 0.9.4.
///
/// # Errors
/// [`ConvertError::Format`] for anything but that model.
pub fn kokoro_to_safetensors(input: Vec<u8>, output: &Path) -> Result<(), ConvertError> {
    let graph = Graph::parse(input)?;
    let weights = Weights::collect(&graph)?;
    let to_tensor = |floats: Floats| {
        let bytes: Vec<u8> = floats.values.iter().flat_map(|value| value.to_le_bytes()).collect();
        Tensor { format: Format::F32, shape: floats.shape, bytes: Cow::Owned(bytes) }
    };
    let tensors = weights.named.into_iter().map(|(name, floats)| (name, to_tensor(floats))).collect();
    Ok(safetensors_file::write(output, &METADATA, &tensors)?)
}

fn malformed(what: impl Into<String>) -> ConvertError {
    ConvertError::Format { format: "Kokoro ONNX", what: what.into() }
}

struct Weights<'a> {
    graph: &'a Graph,
    constants: HashMap<&'a str, &'a Constant>,
    named: BTreeMap<String, Floats>,
}

impl<'a> Weights<'a> {
    fn collect(graph: &'a Graph) -> Result<Self, ConvertError> {
        let constants = graph.initializers.iter().map(|constant| (constant.name.as_str(), constant)).collect();
        let mut weights = Self { graph, constants, named: BTreeMap::new() };
        for constant in &graph.initializers {
            weights.take_named(constant)?;
        }
        for node in &graph.nodes {
            weights.take_consumed(node)?;
        }
        if weights.named.is_empty() { Err(malformed("it holds no weights")) } else { Ok(weights) }
    }

    /// Biases, norms and the like kept both their names and their float32.
    fn take_named(&mut self, constant: &Constant) -> Result<(), ConvertError> {
        let name = &constant.name;
        let within = name.strip_prefix("encoder.").or_else(|| name.strip_prefix("decoder."));
        let of_quantisation = name.ends_with("_scale") || name.ends_with("_zero_point");
        match within {
            Some(path) if constant.is_float() && !of_quantisation && !name.contains(".stft.") => {
                self.put(path.to_owned(), constant.to_floats()?)
            }
            _ => Ok(()),
        }
    }

    fn take_consumed(&mut self, node: &Node) -> Result<(), ConvertError> {
        let input = |index: usize| node.inputs.get(index).map_or("", String::as_str);
        let is_constant = |index: usize| self.constants.contains_key(input(index));
        match node.operation.as_str() {
            "Gather" if input(0).ends_with("_quantized") => self.take_embedding(node),
            "ConvInteger" => {
                let weight = self.dequantised(input(1), &scale_of(input(1)), input(3), None)?;
                self.put(format!("{}.weight", module_path(&node.name)), weight)
            }
            "Conv" | "ConvTranspose" if is_constant(1) && !input(1).ends_with("inverse_basis") => {
                let module = module_path(&node.name);
                self.put(format!("{module}.weight"), self.floats(input(1))?)?;
                match input(2) {
                    "" => Ok(()),
                    bias => self.put(format!("{module}.bias"), self.floats(bias)?),
                }
            }
            "MatMulInteger" if is_constant(1) => {
                let weight = self.dequantised(input(1), &scale_of(input(1)), input(3), Some(1))?;
                self.put(format!("{}.weight", without_copy_number(&module_path(&node.name))), transposed(&weight)?)
            }
            "MatMul" => match node.inputs.iter().find(|name| self.constants.contains_key(name.as_str())) {
                Some(name) => self.put(format!("{}.weight", module_path(&node.name)), transposed(&self.floats(name)?)?),
                None => Ok(()),
            },
            "DynamicQuantizeLSTM" => self.take_lstm(node),
            _ => Ok(()),
        }
    }

    fn take_embedding(&mut self, node: &Node) -> Result<(), ConvertError> {
        let reads_it =
            |other: &&Node| other.operation == "DequantizeLinear" && other.inputs.first() == node.outputs.first();
        let dequantizer = self.graph.nodes.iter().find(reads_it);
        match dequantizer.map(|dequantizer| dequantizer.inputs.as_slice()) {
            Some([_, scale, zero, ..]) => {
                let weight = self.dequantised(&node.inputs[0], scale, zero, None)?;
                self.put(format!("{}.weight", module_path(&node.name)), weight)
            }
            _ => Err(malformed(format!("{} is not dequantised", node.name))),
        }
    }

    /// Inputs: x, W `[directions, in, 4 hidden]`, R `[directions, hidden, 4 hidden]`, B `[directions, 8 hidden]`,
    /// four that are not used here, then scale and zero point of W and of R.
    fn take_lstm(&mut self, node: &Node) -> Result<(), ConvertError> {
        let [_, w, r, b, _, _, _, _, w_scale, w_zero, r_scale, r_zero, ..] = node.inputs.as_slice() else {
            return Err(malformed(format!("{} has too few inputs", node.name)));
        };
        let module = module_path(&node.name);
        let input_weights = self.dequantised(w, w_scale, w_zero, Some(0))?;
        let hidden_weights = self.dequantised(r, r_scale, r_zero, Some(0))?;
        let biases = self.floats(b)?;
        for (direction, suffix) in ["", "_reverse"].into_iter().enumerate() {
            for (weights, name) in [(&input_weights, "weight_ih"), (&hidden_weights, "weight_hh")] {
                let own = transposed(&slice_of(weights, direction)?)?;
                self.put(format!("{module}.{name}_l0{suffix}"), gates_in_torch_order(&own)?)?;
            }
            let own = slice_of(&biases, direction)?;
            let half = own.values.len() / 2;
            for (values, name) in [(&own.values[..half], "bias_ih"), (&own.values[half..], "bias_hh")] {
                let bias = Floats { shape: vec![half], values: values.to_vec() };
                self.put(format!("{module}.{name}_l0{suffix}"), gates_in_torch_order(&bias)?)?;
            }
        }
        Ok(())
    }

    /// Notes a weight. A module that the graph runs more than once gives the same weight each time.
    fn put(&mut self, name: String, floats: Floats) -> Result<(), ConvertError> {
        match self.named.get(&name) {
            Some(known) if *known != floats => Err(malformed(format!("two different values of {name}"))),
            _ => {
                self.named.insert(name, floats);
                Ok(())
            }
        }
    }

    fn floats(&self, name: &str) -> Result<Floats, ConvertError> {
        self.constants.get(name).ok_or_else(|| malformed(format!("no constant {name}")))?.to_floats()
    }

    /// `(quantised − zero) · scale`, in float32. Scale and zero point are single numbers, or one for each index of
    /// the dimension `axis`.
    fn dequantised(&self, name: &str, scale: &str, zero: &str, axis: Option<usize>) -> Result<Floats, ConvertError> {
        let mut weight = self.floats(name)?;
        let (scale, zero) = (self.floats(scale)?, self.floats(zero)?);
        let (extent, inner) = match axis {
            Some(axis) if axis < weight.shape.len() => {
                (weight.shape[axis], weight.shape[axis + 1..].iter().product::<usize>())
            }
            _ => (1, weight.values.len().max(1)),
        };
        let fits = |floats: &Floats| floats.values.len() == 1 || floats.values.len() == extent;
        if !fits(&scale) || !fits(&zero) {
            return Err(malformed(format!("{name} and its scale differ in shape")));
        }
        let at = |floats: &Floats, index: usize| {
            if floats.values.len() == 1 { floats.values[0] } else { floats.values[index] }
        };
        for (stretch, values) in weight.values.chunks_mut(inner).enumerate() {
            let (scale, zero) = (at(&scale, stretch % extent), at(&zero, stretch % extent));
            for value in values {
                *value = (*value - zero) * scale;
            }
        }
        Ok(weight)
    }
}

fn scale_of(quantised: &str) -> String {
    format!("{}_scale", quantised.strip_suffix("_quantized").unwrap_or(quantised))
}

/// The module's path in PyTorch from a node's name: `/decoder/decoder/encode/conv1/Conv_quant` is
/// `decoder.encode.conv1`.
fn module_path(node_name: &str) -> String {
    let parts: Vec<&str> = node_name.trim_matches('/').split('/').collect();
    let [top, scopes @ .., _operation] = parts.as_slice() else { return String::new() };
    let mut path: Vec<&str> = Vec::new();
    for scope in scopes {
        // The scope of a `Sequential` comes twice: `cnn.0/cnn.0.0`.
        let repeats =
            path.last().is_some_and(|last| scope.strip_prefix(last).is_some_and(|rest| rest.starts_with('.')));
        if repeats {
            path.pop();
        }
        path.push(scope);
    }
    let path = path.join(".");
    let starts = |prefix: &str| path.starts_with(prefix);
    let lost_its_scope = ["F0.", "F0_proj", "N.", "N_proj", "duration_proj"].into_iter().any(starts)
        || path == "lstm"
        || path == "shared";
    // Methods of the predictor that were called directly have lost its name.
    if *top == "encoder" && lost_its_scope { format!("predictor.{path}") } else { path }
}

/// ALBERT runs one layer twelve times: `query`, `query_1`, … are the same module.
fn without_copy_number(path: &str) -> &str {
    match path.rsplit_once('_') {
        Some((stem, digits)) if !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()) => stem,
        _ => path,
    }
}

fn transposed(matrix: &Floats) -> Result<Floats, ConvertError> {
    let [rows, columns] = matrix.shape[..] else { return Err(malformed("a matrix was expected")) };
    let mut values = Vec::with_capacity(matrix.values.len());
    for column in 0..columns {
        values.extend((0..rows).map(|row| matrix.values[row * columns + column]));
    }
    Ok(Floats { shape: vec![columns, rows], values })
}

/// The `index`-th entry along the first dimension.
fn slice_of(floats: &Floats, index: usize) -> Result<Floats, ConvertError> {
    let inner: usize = floats.shape.iter().skip(1).product();
    let values = floats.values.get(index * inner..(index + 1) * inner);
    let values = values.ok_or_else(|| malformed("an LSTM has one direction"))?.to_vec();
    Ok(Floats { shape: floats.shape[1..].to_vec(), values })
}

/// Reorders four equal stretches of rows.
fn gates_in_torch_order(floats: &Floats) -> Result<Floats, ConvertError> {
    let gate = floats.values.len() / 4;
    if gate == 0 || !floats.values.len().is_multiple_of(4) {
        return Err(malformed("an LSTM has no four gates"));
    }
    let values = GATES_IN_TORCH_ORDER.iter().flat_map(|index| &floats.values[index * gate..(index + 1) * gate]);
    Ok(Floats { shape: floats.shape.clone(), values: values.copied().collect() })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn node_names_tell_their_modules() {
        assert_eq!(module_path("/decoder/decoder/encode/conv1/Conv_quant"), "decoder.encode.conv1");
        assert_eq!(module_path("/encoder/text_encoder/cnn.0/cnn.0.0/Conv_quant"), "text_encoder.cnn.0.0");
        assert_eq!(module_path("/encoder/F0.1/conv1/Conv_quant"), "predictor.F0.1.conv1");
        assert_eq!(module_path("/encoder/lstm/LSTM"), "predictor.lstm");
        assert_eq!(module_path("/encoder/text_encoder/lstm/LSTM"), "text_encoder.lstm");
        assert_eq!(without_copy_number("bert.attention.query_11"), "bert.attention.query");
        assert_eq!(without_copy_number("bert.full_layer"), "bert.full_layer");
    }

    #[test]
    fn matrices_are_turned_and_gates_reordered() {
        let matrix = Floats { shape: vec![2, 3], values: vec![1.0, 2.0, 3.0, 4.0, 5.0, 6.0] };
        let turned = transposed(&matrix).expect("it is a matrix");
        assert_eq!((turned.shape, turned.values), (vec![3, 2], vec![1.0, 4.0, 2.0, 5.0, 3.0, 6.0]));
        let gates = Floats { shape: vec![4], values: vec![0.0, 1.0, 2.0, 3.0] };
        assert_eq!(gates_in_torch_order(&gates).expect("four gates").values, [0.0, 2.0, 3.0, 1.0]);
    }

    #[test]
    fn what_is_no_kokoro_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        for input in [b"".to_vec(), b"not protobuf at all".to_vec(), vec![0x3a, 0]] {
            assert!(kokoro_to_safetensors(input, &folder.path().join("out")).is_err());
        }
    }
}
