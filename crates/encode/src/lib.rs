//! Records to tokens to encodings to hardened encodings, block keys and handles.
