//! Tests of the project as a whole: its dependency table, and what its programs do together, under
//! faults and on bad input.

#[cfg(test)]
mod architecture;
