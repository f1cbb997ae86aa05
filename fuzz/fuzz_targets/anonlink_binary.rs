//! Fuzzes `anonlink_binary`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("anonlink_binary")(bytes);
});
