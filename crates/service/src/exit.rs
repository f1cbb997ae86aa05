//! Exit codes, the same for all programs, so that scripts can tell a refusal from a failure.

use std::process::ExitCode;

/// How a program ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// It did what was asked.
    Done,
    /// Something failed.
    Failed,
    /// It was called wrongly.
    Usage,
    /// A rule said no.
    Refused,
}

impl Exit {
    /// The code the calling shell sees.
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Refused => 3,
        }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_are_the_documented_ones() {
        let codes = [Exit::Done, Exit::Failed, Exit::Usage, Exit::Refused].map(Exit::code);
        assert_eq!(codes, [0, 1, 2, 3]);
    }
}
