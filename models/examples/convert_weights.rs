//! Converts published weights by hand: `convert_weights (ctranslate2-whisper|onnx-kokoro) INPUT OUTPUT`.

use sts_models::convert::Conversion;

fn main() -> anyhow::Result<()> {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    let [conversion, input, output] = arguments.as_slice() else {
        anyhow::bail!("usage: convert_weights (ctranslate2-whisper|onnx-kokoro) INPUT OUTPUT");
    };
    let conversion: Conversion = serde_json::from_value(serde_json::Value::from(conversion.as_str()))?;
    conversion.run(std::fs::read(input)?, output.as_ref())?;
    Ok(())
}
