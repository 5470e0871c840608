//! Makes the program find libtorch: beside an installed binary (`../lib`), or where
//! models/libtorch/install.sh put it in this checkout.
fn main() {
    println!("cargo:rerun-if-changed=build.rs");
    println!("cargo:rustc-link-arg=-Wl,-rpath,$ORIGIN/../lib/torch/lib");
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    if let Ok(site) = root.join(".libtorch/site/torch/lib").canonicalize() {
        println!("cargo:rustc-link-arg=-Wl,-rpath,{}", site.display());
    }
}
