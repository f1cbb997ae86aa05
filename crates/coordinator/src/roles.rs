//! Which roles a state directory has: both, or one where each has an operator of its own.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};
use wire::Role;

/// Which roles a state directory has.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Roles {
    /// Matcher and resolver, of one operator.
    #[default]
    Both,
    /// The matcher alone.
    Matcher,
    /// The resolver alone, with the project's authority.
    Resolver,
}

/// Not the name of any.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is no role: write matcher, resolver or both")]
pub struct NotRoles(String);

impl Roles {
    /// The roles one by one.
    pub const fn all(self) -> &'static [Role] {
        match self {
            Self::Both => &[Role::Matcher, Role::Resolver],
            Self::Matcher => &[Role::Matcher],
            Self::Resolver => &[Role::Resolver],
        }
    }

    /// Whether `role` is among them.
    pub fn has(self, role: Role) -> bool {
        self.all().contains(&role)
    }

    /// Whether they are both.
    pub fn is_both(&self) -> bool {
        *self == Self::Both
    }
}

impl fmt::Display for Roles {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.write_str(match self {
            Self::Both => "both",
            Self::Matcher => "matcher",
            Self::Resolver => "resolver",
        })
    }
}

impl FromStr for Roles {
    type Err = NotRoles;

    fn from_str(text: &str) -> Result<Self, NotRoles> {
        [Self::Both, Self::Matcher, Self::Resolver]
            .into_iter()
            .find(|roles| roles.to_string() == text)
            .ok_or_else(|| NotRoles(text.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn roles_are_written_as_they_are_read() {
        for roles in [Roles::Both, Roles::Matcher, Roles::Resolver] {
            assert_eq!(roles.to_string().parse(), Ok(roles));
            assert_eq!(serde_json::to_value(roles).unwrap(), roles.to_string());
        }
        assert!("server".parse::<Roles>().is_err());
    }
}
