//! Fuzzes `evaluations`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("evaluations")(bytes);
});
