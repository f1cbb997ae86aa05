//! Fuzzes `clk_data`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| {
    symbolon_fuzz::target("clk_data")(bytes);
});
