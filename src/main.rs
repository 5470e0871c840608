//! sts
#[allow(dead_code)]
mod eval;

fn main() {}
