//! Fuzzes `anonlink_json`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("anonlink_json")(bytes);
});
