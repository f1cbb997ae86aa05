//! Messages of the `Results` service.

use model::agreement::Rights;
use model::{LifeEvent, Pseudonym, RecordHandle, RunNumber};

use super::place::{MessageError, at, plain_text};
use crate::limits::{MAX_PAGE_ROWS, MAX_PARTIES, MAX_RESULT_ROWS};
use crate::messages::{Found, PartyProgress, ResultsHeader, ResultsRow, RunStatus};
use crate::proto;

impl From<&RunStatus> for proto::RunStatusResponse {
    fn from(status: &RunStatus) -> Self {
        Self {
            run: status.run.0,
            state: proto::RunState::from(status.state).into(),
            detail: plain_text(&status.detail),
            parties: status.parties.iter().map(Into::into).collect(),
            outcome: status
                .outcome
                .map(|digest| digest.as_bytes().to_vec())
                .unwrap_or_default(),
        }
    }
}

impl TryFrom<proto::RunStatusResponse> for RunStatus {
    type Error = MessageError;

    fn try_from(message: proto::RunStatusResponse) -> Result<Self, MessageError> {
        let field = |name| at("RunStatusResponse", name);
        field("parties").at_most(message.parties.len() as u64, MAX_PARTIES as u64)?;
        let parties = message.parties.into_iter().map(TryInto::try_into);
        Ok(Self {
            run: RunNumber(message.run),
            state: field("state").run_state(message.state)?,
            detail: plain_text(&message.detail),
            parties: parties.collect::<Result<_, _>>()?,
            outcome: match message.outcome.as_slice() {
                [] => None,
                bytes => Some(field("outcome").digest(bytes)?),
            },
        })
    }
}

impl From<&PartyProgress> for proto::PartyProgress {
    fn from(progress: &PartyProgress) -> Self {
        Self {
            party: progress.party.to_string(),
            encodings: progress.encodings,
            handle_map: progress.handle_map,
            approved: progress.approved,
        }
    }
}

impl TryFrom<proto::PartyProgress> for PartyProgress {
    type Error = MessageError;

    fn try_from(message: proto::PartyProgress) -> Result<Self, MessageError> {
        Ok(Self {
            party: at("PartyProgress", "party").name(&message.party)?,
            encodings: message.encodings,
            handle_map: message.handle_map,
            approved: message.approved,
        })
    }
}

impl From<&ResultsHeader> for proto::ResultsHeader {
    fn from(header: &ResultsHeader) -> Self {
        Self {
            run: header.run.0,
            rows: header.rows,
            rows_digest: header.rows_digest.as_bytes().to_vec(),
            records: header.records,
            clusters: Some(header.clusters.into()),
            found: header.found.iter().map(Into::into).collect(),
            rights: Some((&header.rights).into()),
        }
    }
}

impl TryFrom<proto::ResultsHeader> for ResultsHeader {
    type Error = MessageError;

    fn try_from(message: proto::ResultsHeader) -> Result<Self, MessageError> {
        let field = |name| at("ResultsHeader", name);
        field("rows").at_most(message.rows, MAX_RESULT_ROWS)?;
        field("found").at_most(message.found.len() as u64, MAX_PARTIES as u64)?;
        let found = message.found.into_iter().map(TryInto::try_into);
        Ok(Self {
            run: RunNumber(message.run),
            rows: message.rows,
            rows_digest: field("rows_digest").digest(&message.rows_digest)?,
            records: message.records,
            clusters: field("clusters").count(message.clusters)?,
            found: found.collect::<Result<_, _>>()?,
            rights: field("rights").present(message.rights)?.try_into()?,
        })
    }
}

impl From<&Rights> for proto::Rights {
    fn from(rights: &Rights) -> Self {
        let events = rights.events.iter().map(|event| event.as_str().to_owned());
        Self {
            pseudonyms: rights.pseudonyms,
            counts: rights.counts,
            known_at: rights.known_at.iter().map(ToString::to_string).collect(),
            events: events.collect(),
        }
    }
}

impl TryFrom<proto::Rights> for Rights {
    type Error = MessageError;

    fn try_from(message: proto::Rights) -> Result<Self, MessageError> {
        let field = |name| at("Rights", name);
        field("known_at").at_most(message.known_at.len() as u64, MAX_PARTIES as u64)?;
        field("events").at_most(message.events.len() as u64, LifeEvent::ALL.len() as u64)?;
        let known_at = message.known_at.iter();
        let known_at = known_at.map(|name| field("known_at").name(name));
        let events = message.events.iter();
        let events = events.map(|name| field("events").present(LifeEvent::from_name(name)));
        Ok(Self {
            pseudonyms: message.pseudonyms,
            counts: message.counts,
            known_at: known_at.collect::<Result<_, _>>()?,
            events: events.collect::<Result<_, _>>()?,
        })
    }
}

impl From<&Found> for proto::Found {
    fn from(found: &Found) -> Self {
        Self {
            party: found.party.to_string(),
            records: Some(found.records.into()),
        }
    }
}

impl TryFrom<proto::Found> for Found {
    type Error = MessageError;

    fn try_from(message: proto::Found) -> Result<Self, MessageError> {
        Ok(Self {
            party: at("Found", "party").name(&message.party)?,
            records: at("Found", "records").count(message.records)?,
        })
    }
}

impl From<&ResultsRow> for proto::ResultsRow {
    fn from(row: &ResultsRow) -> Self {
        Self {
            record_handle: row.record.as_bytes().to_vec(),
            pseudonym: row
                .pseudonym
                .map(|pseudonym| pseudonym.as_bytes().to_vec())
                .unwrap_or_default(),
            known_at: row.known_at,
            events: row.events.into(),
        }
    }
}

impl TryFrom<&proto::ResultsRow> for ResultsRow {
    type Error = MessageError;

    fn try_from(message: &proto::ResultsRow) -> Result<Self, MessageError> {
        let field = |name| at("ResultsRow", name);
        let record = field("record_handle").bytes(&message.record_handle)?;
        let pseudonym = match message.pseudonym.as_slice() {
            [] => None,
            bytes => Some(Pseudonym::new(field("pseudonym").bytes(bytes)?)),
        };
        field("events").at_most(message.events.into(), u8::MAX.into())?;
        Ok(Self {
            record: RecordHandle::new(record),
            pseudonym,
            known_at: message.known_at,
            events: message.events as u8,
        })
    }
}

impl From<&[ResultsRow]> for proto::ResultsPage {
    fn from(rows: &[ResultsRow]) -> Self {
        Self {
            rows: rows.iter().map(Into::into).collect(),
        }
    }
}

impl TryFrom<proto::ResultsPage> for Vec<ResultsRow> {
    type Error = MessageError;

    fn try_from(message: proto::ResultsPage) -> Result<Self, MessageError> {
        at("ResultsPage", "rows").at_most(message.rows.len() as u64, MAX_PAGE_ROWS as u64)?;
        message.rows.iter().map(TryInto::try_into).collect()
    }
}

/// The part a message of `Collect` has to hold.
pub(crate) fn collect_part(
    message: proto::CollectResponse,
) -> Result<proto::collect_response::Part, MessageError> {
    at("CollectResponse", "part").present(message.part)
}
