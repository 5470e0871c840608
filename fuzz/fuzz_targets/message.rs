#![no_main]

libfuzzer_sys::fuzz_target!(|input: &[u8]| sts_fuzz_checks::message::check(input));
