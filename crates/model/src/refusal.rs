//! The closed list of refusals: a rule said no. A failure, in contrast, is an error.

/// Which rule said no. The wire maps each to one gRPC status, once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, serde::Serialize, serde::Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum RefusalCode {
    /// The caller's certificate does not name a member of the project.
    NotAMember,
    /// The request speaks for another party than the caller's certificate names.
    WrongParty,
    /// The request names another project, epoch or run than the one that is open.
    WrongRun,
    /// The party's linkage schema is not the project's.
    SchemaDiffers,
    /// The party's linkage key is not the one the others use.
    KeyDiffers,
    /// A size or count is over its limit.
    TooLarge,
    /// The manifest contradicts itself or the schema.
    BadManifest,
    /// The bytes received are not those the manifest promised.
    DigestDiffers,
    /// A different batch of this party was accepted before, in this run.
    AlreadyAccepted,
    /// The run no longer takes what was sent, or does not yet offer what was asked.
    WrongState,
    /// The message is not understood.
    BadMessage,
    /// The caller's certificate was revoked.
    CertificateRevoked,
    /// The linkage agreement does not allow it, or there is none in force. The detail names the
    /// clause.
    OutsideAgreement,
    /// The party has had all evaluations that the agreement gives it in the epoch.
    OverQuota,
}

impl RefusalCode {
    /// Every code, for tables and tests.
    pub const ALL: [Self; 14] = [
        Self::NotAMember,
        Self::WrongParty,
        Self::WrongRun,
        Self::SchemaDiffers,
        Self::KeyDiffers,
        Self::TooLarge,
        Self::BadManifest,
        Self::DigestDiffers,
        Self::AlreadyAccepted,
        Self::WrongState,
        Self::BadMessage,
        Self::OutsideAgreement,
        Self::CertificateRevoked,
        Self::OverQuota,
    ];

    /// The code's name on the wire and in logs.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::NotAMember => "not-a-member",
            Self::WrongParty => "wrong-party",
            Self::WrongRun => "wrong-run",
            Self::SchemaDiffers => "schema-differs",
            Self::KeyDiffers => "key-differs",
            Self::TooLarge => "too-large",
            Self::BadManifest => "bad-manifest",
            Self::DigestDiffers => "digest-differs",
            Self::AlreadyAccepted => "already-accepted",
            Self::WrongState => "wrong-state",
            Self::BadMessage => "bad-message",
            Self::OutsideAgreement => "outside-agreement",
            Self::CertificateRevoked => "certificate-revoked",
            Self::OverQuota => "over-quota",
        }
    }

    /// The code of this name, if there is one.
    pub fn parse(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|code| code.as_str() == name)
    }

    /// What the refused side can do about it.
    pub const fn remedy(self) -> &'static str {
        match self {
            Self::NotAMember => "ask the coordinator's operator to enrol this node",
            Self::WrongParty => "use the certificate of the party the batch belongs to",
            Self::WrongRun => "run `symbolon-node status`, then prepare and upload again",
            Self::SchemaDiffers => {
                "install the linkage schema all members agreed on, then prepare again"
            }
            Self::KeyDiffers => {
                "compare the linkage key's fingerprint with the other custodians, then prepare again"
            }
            Self::TooLarge => "split the registry or have the limit raised in the project",
            Self::BadManifest => "prepare the batch again",
            Self::DigestDiffers => {
                "upload again; if it persists, the connection or the prepared file is damaged"
            }
            Self::AlreadyAccepted => "collect this run's results, or ask for a new run",
            Self::WrongState => "run `symbolon-node status` to see what the run waits for",
            Self::BadMessage => "use the same version of the programs on both sides",
            Self::CertificateRevoked => {
                "make a new key with `symbolon-node renew`, and have the coordinator's operator enrol it"
            }
            Self::OutsideAgreement => {
                "read the clause with `symbolon-node agree show`; the custodians may agree anew"
            }
            Self::OverQuota => {
                "tell who runs the key server and the other custodians: more takes an amendment"
            }
        }
    }
}

/// A rule said no: which, and about what. The text never holds a value of a record.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{detail} ({}); {}", code.as_str(), code.remedy())]
pub struct Refusal {
    /// The rule.
    pub code: RefusalCode,
    /// What was refused, in a few words.
    pub detail: String,
}

impl Refusal {
    /// A refusal under `code`, about `detail`.
    pub fn new(code: RefusalCode, detail: impl Into<String>) -> Self {
        Self {
            code,
            detail: detail.into(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_distinct_and_parse_back() {
        for code in RefusalCode::ALL {
            assert_eq!(RefusalCode::parse(code.as_str()), Some(code));
            assert!(!code.remedy().is_empty());
        }
    }
}
