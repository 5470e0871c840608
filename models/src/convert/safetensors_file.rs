//! Writes safetensors files whose every byte is determined by their content.
//!
//! Layout: an 8-byte little-endian header length; a JSON header with the metadata first and the tensors by name,
//! padded with spaces to a multiple of 8; the tensors' bytes in the same order, without gaps.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::Path;

/// Number format of a tensor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// IEEE half precision.
    F16,
    /// IEEE single precision.
    F32,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::F16 => "F16",
            Self::F32 => "F32",
        }
    }
}

/// A tensor, row-major, little-endian.
#[derive(Clone, Debug, PartialEq)]
pub struct Tensor<'a> {
    /// Number format of `bytes`.
    pub format: Format,
    /// Extent of each dimension.
    pub shape: Vec<usize>,
    /// The values.
    pub bytes: Cow<'a, [u8]>,
}

/// Writes the tensors, with `metadata` in the order given.
///
/// # Errors
/// Whatever the file system says.
pub fn write(path: &Path, metadata: &[(&str, &str)], tensors: &BTreeMap<String, Tensor<'_>>) -> io::Result<()> {
    let mut file = BufWriter::with_capacity(1 << 20, File::create(path)?);
    let mut header = header(metadata, tensors).into_bytes();
    header.resize(header.len().next_multiple_of(8), b' ');
    file.write_all(&(header.len() as u64).to_le_bytes())?;
    file.write_all(&header)?;
    for tensor in tensors.values() {
        file.write_all(&tensor.bytes)?;
    }
    file.into_inner()?.sync_all()
}

fn header(metadata: &[(&str, &str)], tensors: &BTreeMap<String, Tensor<'_>>) -> String {
    let quoted = |text: &str| serde_json::Value::from(text).to_string();
    let metadata: Vec<String> =
        metadata.iter().map(|(key, value)| format!("{}:{}", quoted(key), quoted(value))).collect();
    let mut entries = vec![format!("\"__metadata__\":{{{}}}", metadata.join(","))];
    let mut offset = 0;
    for (name, tensor) in tensors {
        let end = offset + tensor.bytes.len();
        let shape: Vec<String> = tensor.shape.iter().map(usize::to_string).collect();
        let (name, format, shape) = (quoted(name), tensor.format.name(), shape.join(","));
        entries.push(format!(r#"{name}:{{"dtype":"{format}","shape":[{shape}],"data_offsets":[{offset},{end}]}}"#));
        offset = end;
    }
    format!("{{{}}}", entries.join(","))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_safetensors_crate_reads_what_is_written() {
        let folder = tempfile::tempdir().expect("a temporary folder can be made");
        let path = folder.path().join("x.safetensors");
        let tensor = |format, shape: &[usize], bytes: &[u8]| Tensor {
            format,
            shape: shape.to_vec(),
            bytes: bytes.to_vec().into(),
        };
        let tensors = BTreeMap::from([
            ("b".to_owned(), tensor(Format::F32, &[1, 2], &[0, 0, 128, 63, 0, 0, 0, 64])),
            ("a \"quoted\"".to_owned(), tensor(Format::F16, &[2], &[0, 60, 0, 64])),
        ]);
        write(&path, &[("format", "pt")], &tensors).expect("the folder is writable");
        let bytes = std::fs::read(&path).expect("it was just written");
        assert_eq!(u64::from_le_bytes(bytes[..8].try_into().expect("eight bytes")) % 8, 0);
        let read = safetensors::SafeTensors::deserialize(&bytes).expect("the layout is right");
        let b = read.tensor("b").expect("it was written");
        assert_eq!((b.shape(), b.data()), (&[1, 2][..], &[0, 0, 128, 63, 0, 0, 0, 64][..]));
        assert_eq!(read.tensor("a \"quoted\"").expect("it was written").data(), [0, 60, 0, 64]);
    }
}
