//! sts
#[allow(dead_code)]
mod doctor;
#[allow(dead_code)]
mod eval;

fn main() {}
