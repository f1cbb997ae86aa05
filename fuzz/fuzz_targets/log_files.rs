//! Fuzzes `log_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("log_files")(bytes);
});
