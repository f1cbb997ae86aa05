//! What can go wrong between a node and the coordinator, and what to do about it.

use std::error::Error;
use std::io;

use model::Refusal;
use rustls::CertificateError;
use tonic::{Code, Status};

use super::{Dialled, Peer};
use crate::convert::MessageError;
use crate::convert::place::plain_text;
use crate::history::HistoryError;
use crate::identity::IdentityError;
use crate::messages::Role;
use crate::receipt::ReceiptError;
use crate::status::{Verdict, chain, verdict};

/// The alerts of TLS that say no to a certificate (RFC 8446, section 6.2), as rustls names them.
const CERTIFICATE_ALERTS: [&str; 9] = [
    "NoCertificate",
    "BadCertificate",
    "UnsupportedCertificate",
    "CertificateRevoked",
    "CertificateExpired",
    "CertificateUnknown",
    "UnknownCA",
    "AccessDenied",
    "CertificateRequired",
];

/// Why a call was not done.
#[derive(Debug, thiserror::Error)]
pub enum ClientError {
    /// The address is not host and port.
    #[error("`{address}` is no address; write it as host:port")]
    BadAddress {
        /// What was given.
        address: String,
    },
    /// The node's certificate does not say whose it is.
    #[error("this program's certificate: {0}")]
    OwnCertificate(#[from] IdentityError),
    /// The node's certificate is over.
    #[error(
        "this program's certificate has expired; request a new one (a node does with `symbolon-node enrol`)"
    )]
    OwnCertificateExpired,
    /// The node's certificate does not hold yet.
    #[error("this program's certificate is not valid yet; check this machine's clock")]
    OwnCertificateNotYetValid,
    /// The node's files do not make a TLS identity.
    #[error(
        "this node's certificate, private key and the project's authority do not fit together; \
         check that the files were copied whole"
    )]
    OwnFiles,
    /// Nobody answers at the address.
    #[error(
        "cannot reach the {role} at {address}: {reason}; check the address, the firewall and that \
         it runs there"
    )]
    Unreachable {
        /// Who should answer.
        role: Peer,
        /// Where.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// The certificate at the address is from another authority.
    #[error(
        "{address} is not trusted: its certificate does not come from this project's authority \
         ({reason}); check the address and the authority's file, and never go around this"
    )]
    NotTrusted {
        /// Where.
        address: String,
        /// What the check said.
        reason: String,
    },
    /// The role's certificate is over, or this machine's clock is wrong.
    #[error(
        "the certificate of the {role} at {address} is expired or not valid yet; check this \
         machine's clock, then tell the coordinator's operator"
    )]
    RoleCertificateExpired {
        /// Whose certificate.
        role: Peer,
        /// Where.
        address: String,
    },
    /// Another role, or another host, answers at the address.
    #[error(
        "the one at {address} is not the project's {role}; check that the addresses of matcher and \
         resolver are not swapped"
    )]
    WrongRole {
        /// Who should answer.
        role: Peer,
        /// Where.
        address: String,
    },
    /// The role does not accept the node's certificate.
    #[error(
        "the {role} at {address} does not accept this node's certificate ({reason}); ask the \
         coordinator's operator whether it was issued by this project's authority and has not expired"
    )]
    CertificateRejected {
        /// Who rejects it.
        role: Peer,
        /// Where.
        address: String,
        /// What TLS said.
        reason: String,
    },
    /// A rule said no.
    #[error("refused: {0}")]
    Refused(Refusal),
    /// The coordinator failed.
    #[error("the {role} failed; give its operator the failure's number {id}")]
    Failed {
        /// Who failed.
        role: Peer,
        /// The id its log has.
        id: String,
    },
    /// The role does not serve this call.
    #[error(
        "the {role} does not serve this; ask the other role, or use the same version on both sides"
    )]
    NotServed {
        /// Who was asked.
        role: Peer,
    },
    /// The connection was lost.
    #[error(
        "the connection to the {role} at {address} was cut: {reason}; try again, and if it is cut \
         at once each time ask the coordinator's operator whether this node's certificate is accepted"
    )]
    Cut {
        /// Who was at the other end.
        role: Peer,
        /// Where.
        address: String,
        /// What the network said.
        reason: String,
    },
    /// The answer is not understood.
    #[error(
        "the answer is not understood: {0}; use the same version of the programs on both sides"
    )]
    BadAnswer(#[from] MessageError),
    /// The answer is not what was asked for.
    #[error("the {role} answered {what}; tell the coordinator's operator")]
    Contradiction {
        /// Who answered.
        role: Peer,
        /// What is wrong with it.
        what: &'static str,
    },
    /// The receipt proves nothing.
    #[error("{0}; keep the batch, and tell the coordinator's operator and the auditor")]
    BadReceipt(#[from] ReceiptError),
    /// The role's log is not one history.
    #[error(
        "the {role}'s log: {source}; keep this node's directory, and tell the other members and the auditor"
    )]
    History {
        /// Whose log.
        role: Role,
        /// In what it fails.
        source: HistoryError,
    },
    /// The prepared batch could not be read.
    #[error("reading the prepared batch failed: {0}; prepare it again")]
    Source(#[source] io::Error),
    /// Results could not be kept.
    #[error("keeping the results failed: {0}")]
    Sink(#[source] io::Error),
}

impl ClientError {
    /// Whether another attempt may go better.
    pub fn is_transient(&self) -> bool {
        matches!(self, Self::Cut { .. } | Self::Unreachable { .. })
    }

    /// The rule that said no, if one did.
    pub fn refusal(&self) -> Option<&Refusal> {
        match self {
            Self::Refused(refusal) => Some(refusal),
            _ => None,
        }
    }

    pub(super) fn wrong_role(target: &Dialled) -> Self {
        Self::WrongRole {
            role: target.peer,
            address: target.address.clone(),
        }
    }

    pub(super) fn contradiction(target: &Dialled, what: &'static str) -> Self {
        Self::Contradiction {
            role: target.peer,
            what,
        }
    }

    /// No answer within the time for it.
    pub(super) fn silent(target: &Dialled) -> Self {
        Self::cut(target, "no answer came in time".to_owned())
    }

    /// The error of making a connection.
    pub(super) fn connecting(target: &Dialled, error: &(dyn Error + 'static)) -> Self {
        tls_trouble(target, error).unwrap_or_else(|| Self::Unreachable {
            role: target.peer,
            address: target.address.clone(),
            reason: last_cause(error),
        })
    }

    /// The error of a call on a connection that stood.
    pub(super) fn answered(target: &Dialled, status: &Status) -> Self {
        match verdict(status) {
            Verdict::Refused(refusal) => Self::Refused(refusal),
            Verdict::Failed(id) => Self::Failed {
                role: target.peer,
                id,
            },
            Verdict::Trouble if status.code() == Code::Unimplemented => {
                Self::NotServed { role: target.peer }
            }
            Verdict::Trouble => {
                tls_trouble(target, status).unwrap_or_else(|| Self::cut(target, reason(status)))
            }
        }
    }

    fn cut(target: &Dialled, reason: String) -> Self {
        Self::Cut {
            role: target.peer,
            address: target.address.clone(),
            reason,
        }
    }
}

/// What TLS has to say about an error, if it comes from there.
fn tls_trouble(target: &Dialled, error: &(dyn Error + 'static)) -> Option<ClientError> {
    match causes(error).find_map(|cause| cause.downcast_ref()) {
        Some(rustls::Error::InvalidCertificate(reason)) => Some(distrusted(target, reason)),
        Some(rustls::Error::AlertReceived(alert)) => rejected(target, &format!("{alert:?}")),
        _ => alert_in_text(target, error),
    }
}

fn distrusted(target: &Dialled, reason: &CertificateError) -> ClientError {
    use CertificateError as E;
    match reason {
        E::NotValidForName | E::NotValidForNameContext { .. } => ClientError::wrong_role(target),
        E::Expired | E::ExpiredContext { .. } | E::NotValidYet | E::NotValidYetContext { .. } => {
            ClientError::RoleCertificateExpired {
                role: target.peer,
                address: target.address.clone(),
            }
        }
        other => ClientError::NotTrusted {
            address: target.address.clone(),
            reason: other.to_string(),
        },
    }
}

/// Other alerts, as of a damaged record, are troubles of the connection.
fn rejected(target: &Dialled, alert: &str) -> Option<ClientError> {
    let is_rejection = CERTIFICATE_ALERTS.contains(&alert);
    is_rejection.then(|| ClientError::CertificateRejected {
        role: target.peer,
        address: target.address.clone(),
        reason: alert.to_owned(),
    })
}

/// HTTP/2 keeps of an error below it only the text. In TLS 1.3 that is how a rejected certificate
/// shows: the handshake is over for the node before the other side has looked at it.
fn alert_in_text(target: &Dialled, error: &(dyn Error + 'static)) -> Option<ClientError> {
    let text = chain(error);
    let (_, alert) = text.split_once("received fatal alert: ")?;
    rejected(target, alert.split(|c: char| !c.is_alphanumeric()).next()?)
}

/// What lies under a status that came from no coordinator, in few words.
fn reason(status: &Status) -> String {
    match status.source() {
        Some(source) => last_cause(source),
        None => plain_text(status.message()),
    }
}

fn last_cause(error: &(dyn Error + 'static)) -> String {
    causes(error)
        .last()
        .map_or_else(String::new, ToString::to_string)
}

/// The error and all below it. An I/O error hides what it wraps from `source`, so it is asked.
fn causes<'a>(error: &'a (dyn Error + 'static)) -> impl Iterator<Item = &'a (dyn Error + 'static)> {
    std::iter::successors(Some(error), |&error| {
        let wrapped = error
            .downcast_ref::<io::Error>()
            .and_then(io::Error::get_ref);
        match wrapped {
            Some(wrapped) => Some(wrapped as &(dyn Error + 'static)),
            None => error.source(),
        }
    })
}
