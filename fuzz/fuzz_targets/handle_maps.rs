//! Fuzzes `handle_maps`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("handle_maps")(bytes);
});
