//! Writes what is generated from the types: the JSON Schemas, and the generated parts of docs/asyncapi.yaml and
//! docs/protocol.md. `cargo run -p sts-protocol --example schemas`

#[path = "../contract/mod.rs"]
mod contract;

fn main() -> std::io::Result<()> {
    std::fs::create_dir_all(contract::root().join("protocol/schemas"))?;
    for file in contract::generated(&contract::witnesses::find()) {
        std::fs::write(contract::root().join(&file.path), &file.text)?;
        println!("{}", file.path);
    }
    Ok(())
}
