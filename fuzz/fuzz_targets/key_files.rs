//! Fuzzes `key_files`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("key_files")(bytes);
});
