//! Fuzzes `anonlink_requests`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("anonlink_requests")(bytes);
});
