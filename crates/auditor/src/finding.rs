//! What was found: one sentence, how bad it is, who shows it, and which log entry it is about.

use std::fmt;

use serde::Serialize;

/// How bad a finding is. Worse is greater.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum Severity {
    /// Checked, and as it should be.
    Right,
    /// Could not be checked, or only with less than everything.
    Unproved,
    /// Proved to be wrong.
    Wrong,
}

impl Severity {
    /// The word for people.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Right => "right",
            Self::Unproved => "unproved",
            Self::Wrong => "WRONG",
        }
    }
}

/// One thing that was found.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Finding {
    /// How bad it is.
    pub severity: Severity,
    /// Whose evidence shows it: a party, or the log itself.
    pub shown_by: String,
    /// The log it is about, as the bundle names it.
    pub log: String,
    /// The entry it is about, from 0.
    pub entry: Option<u64>,
    /// What was found, for people.
    pub text: String,
}

impl Finding {
    /// A finding about `log`, shown by what it says itself.
    pub fn new(severity: Severity, log: &str, text: impl Into<String>) -> Self {
        Self {
            severity,
            shown_by: log.to_owned(),
            log: log.to_owned(),
            entry: None,
            text: text.into(),
        }
    }

    /// The same, about this entry.
    pub fn at(mut self, entry: u64) -> Self {
        self.entry = Some(entry);
        self
    }

    /// The same, shown by the evidence of `party`.
    pub fn shown_by(mut self, party: &str) -> Self {
        party.clone_into(&mut self.shown_by);
        self
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "{:<8}  {}", self.severity.word(), self.log)?;
        if let Some(entry) = self.entry {
            write!(out, ", entry {entry}")?;
        }
        write!(out, ": {}", self.text)?;
        match self.shown_by == self.log {
            true => Ok(()),
            false => write!(out, " (shown by {})", self.shown_by),
        }
    }
}

/// All findings of one check, worst first.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Verdict {
    findings: Vec<Finding>,
}

impl Verdict {
    /// Puts the worst first; findings that are as bad stay in their order.
    pub fn of(mut findings: Vec<Finding>) -> Self {
        findings.sort_by_key(|finding| std::cmp::Reverse(finding.severity));
        Self { findings }
    }

    /// The findings.
    pub fn findings(&self) -> &[Finding] {
        &self.findings
    }

    /// The worst there is. Nothing found is nothing proved.
    pub fn worst(&self) -> Severity {
        let first = self.findings.first();
        first.map_or(Severity::Unproved, |finding| finding.severity)
    }

    /// How many there are of a severity.
    pub fn count(&self, severity: Severity) -> usize {
        let same = |finding: &&Finding| finding.severity == severity;
        self.findings.iter().filter(same).count()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for finding in &self.findings {
            writeln!(out, "{finding}")?;
        }
        let count = |severity| self.count(severity);
        writeln!(
            out,
            "{} wrong, {} unproved, {} right",
            count(Severity::Wrong),
            count(Severity::Unproved),
            count(Severity::Right)
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_worst_comes_first_and_decides() {
        let of = |severity| Finding::new(severity, "matcher", "text");
        let verdict = Verdict::of(vec![
            of(Severity::Right),
            of(Severity::Wrong).at(3).shown_by("crvs"),
            of(Severity::Unproved),
        ]);
        assert_eq!(verdict.worst(), Severity::Wrong);
        let text = verdict.to_string();
        assert!(
            text.starts_with("WRONG     matcher, entry 3: text (shown by crvs)\n"),
            "{text}"
        );
        assert!(text.ends_with("1 wrong, 1 unproved, 1 right\n"), "{text}");
        assert_eq!(Verdict::of(Vec::new()).worst(), Severity::Unproved);
    }
}
