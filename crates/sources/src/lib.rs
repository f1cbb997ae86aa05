//! Where records come from: CSV, plain or gzip.
