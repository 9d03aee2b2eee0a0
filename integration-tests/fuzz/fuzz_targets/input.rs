#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| aisaws_fuzz::input(data));
