//! The linkage agreement at a node: installed only when this custodian's own DPO signed it, and asked
//! before anything is prepared or sent.

use std::path::Path;

use audit::Event;
use model::agreement::Clause;
use model::{Digest, Refusal, RunNumber, SignedAgreement};
use secret::signing;
use service::{AgreementStore, Said};
use wire::{NodeClient, Posting, Role, Topic};

use crate::error::NodeError;
use crate::open::Node;

impl Node {
    /// Installs the agreement in the directory `from`: a first one, its amendment, or the same with
    /// new statements.
    ///
    /// # Errors
    /// [`NodeError`] names the clause when it is not signed by all, not about this node's project
    /// and schema, or not signed by the DPO this node trusts. Nothing is changed then.
    ///
    /// Works beside a program that has the node's directory: an upload that goes on for hours does not
    /// keep a suspension out.
    pub fn install_agreement(&self, from: &Path) -> Result<SignedAgreement, NodeError> {
        let installed = self
            .agreements()
            .install(from, |offered| self.fits(offered))?;
        self.record_agreement(&installed)?;
        Ok(installed)
    }

    /// The agreement installed here.
    ///
    /// # Errors
    /// [`NodeError`] when there is none, or it was changed since.
    pub fn agreement(&self) -> Result<SignedAgreement, NodeError> {
        let agreement = self.agreements().current()?;
        self.fits(&agreement)
            .map_err(service::AgreementFault::from)?;
        Ok(agreement)
    }

    /// The agreement, if `run` may be made under it now.
    pub(crate) fn agreed(&self, run: RunNumber) -> Result<SignedAgreement, NodeError> {
        let agreement = self.agreement()?;
        let now = self.clock.unix_millis();
        agreement
            .check_run(&self.config.project, run, now)
            .map_err(service::AgreementFault::from)?;
        Ok(agreement)
    }

    /// Whether the coordinator works under the same agreement.
    pub(crate) fn check_same_agreement(&self, told: Option<Digest>) -> Result<(), NodeError> {
        let ours = self.agreement()?.digest();
        let refusal = match told {
            Some(theirs) if theirs == ours => return Ok(()),
            Some(theirs) => Clause::Agreement.refuse(format!(
                "the coordinator works under {theirs}, this node under {ours}"
            )),
            None => Clause::Agreement.refuse("the coordinator has none"),
        };
        Err(service::AgreementFault::from(refusal).into())
    }

    /// Hands what this custodian's officer says of the agreement to the resolver and the matcher, and takes up
    /// what other officers say: a suspension reaches everybody by the next call of each, whoever heard of
    /// it first.
    pub(crate) async fn share_statements(&self, client: &NodeClient) -> Result<(), NodeError> {
        if self.agreements().is_empty()? {
            return Ok(());
        }
        let topic = Topic::Statements(self.agreement()?.terms().number);
        let own = |said: &Said| said.statement.party == self.config.party;
        let said = self.agreements().said()?.into_iter().filter(own);
        let own: Vec<Posting> = said.map(posting).collect();
        for posting in &own {
            client.post(topic, posting).await?;
        }
        self.tell_matcher(topic, &own).await;
        let mut is_news = false;
        for posting in client.read(topic).await? {
            is_news |= self
                .agreements()
                .hear(&posting.document, &posting.signature)?;
        }
        if is_news {
            self.record_agreement(&self.agreement()?)?;
        }
        Ok(())
    }

    /// Tells the matcher too, which another operator may run and which hears nothing from the resolver. One that
    /// is away hears of it at the next call.
    async fn tell_matcher(&self, topic: Topic, own: &[Posting]) {
        if own.is_empty() {
            return;
        }
        let told = async {
            let matcher = self.connect(Role::Matcher).await?;
            for posting in own {
                matcher.post(topic, posting).await?;
            }
            Ok::<(), NodeError>(())
        };
        if let Err(error) = told.await {
            tracing::warn!(%error, "the matcher has not heard yet what this custodian's officer says");
        }
    }

    fn agreements(&self) -> AgreementStore {
        AgreementStore::new(self.home.agreements(), signing::verify)
    }

    /// By signing, this custodian's DPO vouches for all else in the document, the other DPOs' keys
    /// included.
    fn fits(&self, agreement: &SignedAgreement) -> Result<(), Refusal> {
        let (terms, config) = (agreement.terms(), &self.config);
        if terms.project != config.project {
            let detail = format!("it is about {}, not {}", terms.project, config.project);
            return Err(Clause::Project.refuse(detail));
        }
        match terms.dpo_key(&config.party) {
            Some(key) if key == config.dpo => agreement.check_schema(&self.schema),
            Some(key) => {
                let trusted = config.dpo;
                let detail = format!("this node trusts the DPO's key {trusted}, it has {key}");
                Err(Clause::Signatures.refuse(detail))
            }
            None => Err(Clause::Member.refuse(format!("{} is no custodian in it", config.party))),
        }
    }

    fn record_agreement(&self, agreement: &SignedAgreement) -> Result<(), NodeError> {
        let adopted = Event::AgreementAdopted {
            agreement: agreement.digest(),
            number: agreement.terms().number,
        };
        let stated = agreement
            .statements()
            .map(|statement| Event::AgreementStated {
                agreement: statement.agreement,
                party: statement.party.clone(),
                number: statement.number,
                act: statement.act,
            });
        for event in std::iter::once(adopted).chain(stated) {
            self.home.record(&event, &self.config.party, &*self.clock)?;
        }
        Ok(())
    }
}

fn posting(said: Said) -> Posting {
    Posting {
        party: said.statement.party,
        document: said.document,
        signature: said.signature,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::fixture::{At, Dpos, GOOD, Setting, now};
    use model::LinkageSchema;
    use model::agreement::Act;
    use std::sync::Arc;

    #[track_caller]
    fn names<T>(clause: Clause, outcome: Result<T, NodeError>) {
        let error = outcome.err().unwrap();
        assert!(error.is_refusal());
        let text = error.to_string();
        assert!(text.contains(&format!("clause `{clause}`")), "{text}");
    }

    #[test]
    fn nothing_is_prepared_without_an_agreement() {
        let setting = Setting::without_agreement();
        names(Clause::Agreement, setting.prepare(GOOD));
        setting.agree();
        setting.prepare(GOOD).unwrap();
    }

    #[test]
    fn nothing_is_prepared_outside_its_time_or_runs() {
        let mut setting = Setting::new();
        let year = 366 * 86_400;
        setting.node.clock = Arc::new(At(now() + year));
        names(Clause::Expires, setting.prepare(GOOD));
        setting.node.clock = Arc::new(At(now() - year));
        names(Clause::Starts, setting.prepare(GOOD));
        setting.node.clock = Arc::new(At(now()));
        let mut project = setting.project();
        project.run = RunNumber(1000);
        setting.know(&project);
        names(Clause::Runs, setting.prepare(GOOD));
    }

    #[test]
    fn nothing_is_prepared_once_it_is_suspended() {
        let setting = Setting::new();
        setting.state("sr", Act::Suspend);
        names(Clause::Suspension, setting.prepare(GOOD));
        setting.state("sr", Act::Resume);
        setting.prepare(GOOD).unwrap();
        setting.state("crvs", Act::Revoke);
        names(Clause::Revocation, setting.prepare(GOOD));
    }

    #[tokio::test]
    async fn nothing_is_uploaded_once_it_is_suspended() {
        let setting = Setting::new();
        setting.prepare(GOOD).unwrap();
        setting.state("sr", Act::Suspend);
        let outcome = setting.node.upload(&model::Silent).await;
        names(Clause::Suspension, outcome);
    }

    /// Prepared under the agreement that was amended since.
    #[tokio::test]
    async fn nothing_is_uploaded_that_was_prepared_under_another_agreement() {
        let setting = Setting::new();
        setting.prepare(GOOD).unwrap();
        let path = setting
            .node
            .home()
            .outbox_of(RunNumber(1))
            .join("encodings.json");
        let text = std::fs::read_to_string(&path).unwrap();
        let ours = setting.node.agreement().unwrap().digest().to_string();
        let other = model::Digest::of(b"another").to_string();
        std::fs::write(&path, text.replace(&ours, &other)).unwrap();
        let error = setting.node.upload(&model::Silent).await.unwrap_err();
        assert!(error.is_refusal());
        assert!(matches!(
            error,
            NodeError::Upload(crate::UploadError::Outdated {
                what: "agreement",
                ..
            })
        ));
    }

    /// An upload that goes on for hours holds the node's directory; an officer's word gets in all the same.
    #[test]
    fn a_suspension_is_installed_while_a_program_has_the_directory() {
        let setting = Setting::new();
        let _upload = setting.node.home().lock().unwrap();
        setting.state("sr", Act::Suspend);
        assert!(setting.node.agreed(RunNumber(1)).is_err());
    }

    #[test]
    fn an_agreement_of_other_officers_is_not_installed() {
        let setting = Setting::without_agreement();
        let schema = LinkageSchema::parse(crate::tests::fixture::SCHEMA).unwrap();
        let others = Dpos::drawn_from(&schema, "census", 500);
        others.sign();
        names(
            Clause::Signatures,
            setting.node.install_agreement(&others.agreement()),
        );
        let elsewhere = Dpos::new(&schema, "elsewhere");
        elsewhere.sign();
        names(
            Clause::Project,
            setting.node.install_agreement(&elsewhere.agreement()),
        );
        assert!(setting.node.agreement().is_err());
    }
}
