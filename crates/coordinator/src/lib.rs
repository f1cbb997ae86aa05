//! The linkage unit in two roles, matcher and resolver.
