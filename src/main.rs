//! sts
fn main() {}
