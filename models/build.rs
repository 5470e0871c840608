//! Makes the test binaries of this crate find libtorch where models/libtorch/install.sh puts it.
fn main() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    println!("cargo:rerun-if-changed=build.rs");
    if let Ok(site) = root.join(".libtorch/site/torch/lib").canonicalize() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", site.display());
    }
}
