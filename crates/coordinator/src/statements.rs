//! What officers say of the agreement, heard by a role: it counts from that moment on. Each role hears it
//! from the node of the party whose officer spoke.

use std::sync::Arc;

use model::agreement::{Clause, Statement};
use model::{PartyName, RefusalCode};
use tokio::sync::Notify;
use wire::{Board, Fault, Posting, Topic};

use crate::context::RoleContext;
use crate::lifecycle::Lifecycle;
use crate::matcher::MatcherState;

impl<L: Lifecycle> RoleContext<L> {
    /// Takes up a statement about the agreement of this number, which has to be in force; says whether it
    /// is news.
    pub(crate) fn hear_posting(&self, number: u32, posting: &Posting) -> Result<bool, Fault> {
        let agreement = self.agreement()?;
        if agreement.terms().number != number {
            let detail = format!("in force is number {}", agreement.terms().number);
            return Err(Clause::Agreement.refuse(detail).into());
        }
        let Ok(statement) = Statement::parse(&posting.document) else {
            let detail = "not a statement about an agreement";
            return Err(Fault::refused(RefusalCode::BadMessage, detail));
        };
        if statement.party != posting.party {
            let detail = "the statement is another party's";
            return Err(Fault::refused(RefusalCode::WrongParty, detail));
        }
        let is_news = self.hear(&posting.document, &posting.signature)?;
        if is_news {
            let (party, act) = (&statement.party, statement.act.as_str());
            tracing::warn!(role = %self.role, %party, act, "an officer said something of the agreement");
        }
        Ok(is_news)
    }
}

/// The matcher's board: statements about the agreement, and nothing else. It relays nothing.
pub(crate) struct StatementsDesk {
    context: Arc<RoleContext<MatcherState>>,
    wake: Arc<Notify>,
}

impl StatementsDesk {
    pub(crate) fn new(context: Arc<RoleContext<MatcherState>>, wake: Arc<Notify>) -> Self {
        Self { context, wake }
    }
}

impl Board for StatementsDesk {
    fn post(&self, topic: Topic, posting: &Posting) -> Result<(), Fault> {
        self.context.project.member(&posting.party)?;
        let Topic::Statements(number) = topic else {
            let detail = "the matcher takes statements about the agreement alone";
            return Err(Fault::refused(RefusalCode::BadMessage, detail));
        };
        if self.context.hear_posting(number, posting)? {
            self.wake.notify_one();
        }
        Ok(())
    }

    fn read(&self, _party: &PartyName, _topic: Topic) -> Result<Vec<Posting>, Fault> {
        let detail = "the resolver relays documents, not the matcher";
        Err(Fault::refused(RefusalCode::WrongState, detail))
    }
}
