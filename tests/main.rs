//! Tests of the project as a whole: its dependency table, and what its programs do together, under
//! faults and on bad input.

#[cfg(test)]
mod architecture;
#[cfg(test)]
mod auditing;
#[cfg(test)]
mod canary;
#[cfg(test)]
mod cheating;
#[cfg(test)]
mod cli;
#[cfg(test)]
mod clkhash;
#[cfg(test)]
mod equality;
#[cfg(test)]
mod faults;
#[cfg(test)]
mod fuzz;
#[cfg(test)]
mod governance;
#[cfg(test)]
mod key_server;
#[cfg(test)]
mod kill;
#[cfg(test)]
mod lookup;
#[cfg(test)]
mod outputs;
#[cfg(test)]
mod parsers;
#[cfg(test)]
mod processes;
#[cfg(test)]
mod quality;
#[cfg(test)]
mod review;
#[cfg(test)]
mod samples;
#[cfg(test)]
mod setting;
#[cfg(test)]
mod sizes;
#[cfg(test)]
mod workbench;
