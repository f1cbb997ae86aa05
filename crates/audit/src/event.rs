//! The closed list of what may stand in a log.
//!
//! Events hold names of parties, counts and digests. They never hold identifiers, handles, block
//! tokens or digests of small or guessable values; and of what a linkage found no count, since every
//! member may read the coordinator's logs, also one that may have counts from the floor on or none.

use model::agreement::Act;
use model::risk::Verdict;
use model::{
    BatchKind, Digest, Epoch, EvaluationKey, PartyName, ProjectName, RefusalCode, RunNumber,
};
use serde::{Deserialize, Serialize};

use crate::tree::TreeHead;

/// Something that happened, of the kinds that are accounted for.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "kebab-case", deny_unknown_fields)]
pub enum Event {
    /// A coordinator took up a project.
    ProjectOpened {
        /// Which.
        project: ProjectName,
        /// Digest of its linkage schema.
        schema_digest: Digest,
        /// Its parties, in the schema's order.
        parties: Vec<PartyName>,
    },
    /// A coordinator accepted a batch, whole and as its manifest says.
    BatchAccepted {
        /// For which run.
        run: RunNumber,
        /// Whose records.
        party: PartyName,
        /// Encodings or handle map.
        kind: BatchKind,
        /// Digest of the manifest.
        manifest_digest: Digest,
        /// Rows in the batch.
        rows: u64,
        /// Bytes in the batch.
        bytes: u64,
    },
    /// A coordinator refused a batch.
    BatchRefused {
        /// Who offered it.
        party: PartyName,
        /// Why.
        code: RefusalCode,
    },
    /// The matcher told a party which of its block tokens another party has too.
    MembershipAnswered {
        /// For which run.
        run: RunNumber,
        /// Whom.
        party: PartyName,
        /// Digest of the answer.
        digest: Digest,
    },
    /// A node chose which encodings to send, and has sent none yet.
    EncodingsChosen {
        /// For which run.
        run: RunNumber,
        /// Rows it made.
        made: u64,
        /// Rows that can meet somebody, or may seem so by a false positive, and are sent.
        sent: u64,
        /// Digest of the answer it followed.
        membership: Digest,
    },
    /// A node measured the risk of what it prepared, before anything of it left.
    RiskMeasured {
        /// For which run.
        run: RunNumber,
        /// Digest of the manifest of what was prepared: of the block tokens where they go first, else of the
        /// encodings.
        prepared: Digest,
        /// Digest of the report.
        report: Digest,
        /// What follows from it.
        verdict: Verdict,
    },
    /// Officers answer together for an upload that the risk report says to hold; logged before it begins.
    RiskOverridden {
        /// Of which run.
        run: RunNumber,
        /// Digest of the report.
        report: Digest,
        /// Whose officers.
        officers: Vec<PartyName>,
    },
    /// A run's input became final.
    RunSealed {
        /// Which run.
        run: RunNumber,
        /// Digests of the manifests of all its batches.
        manifest_digests: Vec<Digest>,
    },
    /// The matcher compared the run's candidate pairs.
    RunMatched {
        /// Which run.
        run: RunNumber,
        /// Digest of the comparison vectors.
        comparisons_digest: Digest,
    },
    /// The matcher hands the comparisons to the resolver; logged before the first byte leaves. How many there
    /// are stands in no log: it would tell every member how far registries overlap.
    ComparisonsHandedOver {
        /// Of which run.
        run: RunNumber,
        /// Digest of the comparisons.
        comparisons_digest: Digest,
    },
    /// The resolver has taken all comparisons, and they are those the matcher told it of; logged before what
    /// it made of them.
    ComparisonsTaken {
        /// Of which run.
        run: RunNumber,
        /// Digest of the comparisons.
        comparisons_digest: Digest,
    },
    /// The resolver decided the run's links and clusters.
    RunResolved {
        /// Which run.
        run: RunNumber,
        /// Digest of the clusters.
        clusters_digest: Digest,
    },
    /// A node fetched its results from the coordinator.
    ResultsCollected {
        /// Of which run.
        run: RunNumber,
        /// Who fetched them.
        party: PartyName,
        /// Rows in the results.
        rows: u64,
        /// Digest of the results as sent.
        digest: Digest,
    },
    /// A node fetched the pairs of its records that people should look at, with their weights.
    ReviewCollected {
        /// Of which run.
        run: RunNumber,
        /// Who fetched them.
        party: PartyName,
        /// Digest of the pairs as sent.
        digest: Digest,
    },
    /// A node made a batch, and has sent nothing yet.
    BatchPrepared {
        /// For which run.
        run: RunNumber,
        /// Encodings or handle map.
        kind: BatchKind,
        /// Digest of the manifest.
        manifest_digest: Digest,
        /// Records of the registry that went in.
        records: u64,
        /// Rows in the batch.
        rows: u64,
        /// Bytes in the batch.
        bytes: u64,
    },
    /// A node sent a batch and checked the receipt it got for it.
    BatchUploaded {
        /// For which run.
        run: RunNumber,
        /// Encodings or handle map.
        kind: BatchKind,
        /// Digest of the manifest.
        manifest_digest: Digest,
        /// The coordinator's log at the time of the receipt.
        receipt_head: TreeHead,
    },
    /// The keeper of the log works under a linkage agreement from now on.
    AgreementAdopted {
        /// Digest of its exact bytes.
        agreement: Digest,
        /// 1 for the first of the project, then counted up.
        number: u32,
    },
    /// A custodian's data protection officer said something of an agreement.
    AgreementStated {
        /// Digest of the agreement.
        agreement: Digest,
        /// Whose officer.
        party: PartyName,
        /// The party's statements are counted up.
        number: u32,
        /// What was said.
        act: Act,
    },
    /// A custodian's data protection officer approved what came out of a run.
    RunApproved {
        /// Which run.
        run: RunNumber,
        /// Whose officer.
        party: PartyName,
        /// Digest of the agreement.
        agreement: Digest,
        /// Digest of what came out.
        outcome: Digest,
    },
    /// Results may be collected from now on.
    RunReleased {
        /// Which run.
        run: RunNumber,
        /// Digest of the agreement.
        agreement: Digest,
    },
    /// Counts were published with noise.
    CountsPublished {
        /// Of which run.
        run: RunNumber,
        /// How many.
        counts: u64,
        /// What they cost together, in thousandths of epsilon.
        epsilon_permille: u64,
    },
    /// A run was given up by the programs.
    RunFailed {
        /// Which run.
        run: RunNumber,
    },
    /// A run was given up by people.
    RunCancelled {
        /// Which run.
        run: RunNumber,
    },
    /// Batches and results of a run were removed; logged before they are.
    RunDestroyed {
        /// Which run.
        run: RunNumber,
    },
    /// The resolver's keys were destroyed: handle maps stay closed, pseudonyms cannot be made again.
    ResolverKeysDestroyed,
    /// A custodian's node put up a document for the others.
    DocumentPosted {
        /// Under which topic.
        topic: String,
        /// Whose node.
        party: PartyName,
        /// Digest of the document.
        digest: Digest,
    },
    /// The nodes agreed on the linkage key of an epoch.
    KeyAgreed {
        /// Which epoch.
        epoch: Epoch,
        /// Digest of the agreement.
        agreement: Digest,
        /// Digest of all cards and commitments.
        transcript: Digest,
    },
    /// A node split its linkage key of an epoch among people.
    KeyBackedUp {
        /// Which epoch.
        epoch: Epoch,
        /// How many have a share.
        shares: u32,
        /// How many of them together have the key.
        needed: u32,
    },
    /// A node has its linkage key of an epoch from such shares; logged before it is installed.
    KeyRestored {
        /// Which epoch.
        epoch: Epoch,
    },
    /// A node destroyed its key of an epoch.
    KeyDestroyed {
        /// Which epoch.
        epoch: Epoch,
    },
    /// A key server made its key of an epoch.
    EvaluationKeyMade {
        /// Which epoch.
        epoch: Epoch,
        /// By which its evaluations are checked.
        public_key: EvaluationKey,
    },
    /// A key server evaluates a batch of blinded elements; logged before it does.
    ElementsEvaluated {
        /// Under the key of which epoch.
        epoch: Epoch,
        /// For whom.
        party: PartyName,
        /// Digest of the elements, which are random.
        batch: Digest,
        /// How many they are.
        elements: u64,
        /// How many the party has had in the epoch, with these.
        total: u64,
    },
    /// A key server destroyed its key of an epoch; logged before it is.
    EvaluationKeyDestroyed {
        /// Which epoch.
        epoch: Epoch,
    },
    /// A node sends a batch of blinded elements to the key server; logged before it does.
    ElementsAsked {
        /// Under the key of which epoch.
        epoch: Epoch,
        /// Digest of the elements.
        batch: Digest,
        /// How many they are.
        elements: u64,
    },
    /// A node received its results.
    ResultsReceived {
        /// Of which run.
        run: RunNumber,
        /// Rows in the results.
        rows: u64,
        /// Digest of the results as received.
        digest: Digest,
    },
    /// A node's certificate was used for the first time; logged before what it was used for.
    CertificateAdmitted {
        /// Whose node it is of.
        party: PartyName,
        /// Its fingerprint.
        certificate: Digest,
    },
    /// The resolver's certificate was used for the first time to ask the matcher; logged before what it was
    /// used for.
    ResolverAdmitted {
        /// Its fingerprint.
        certificate: Digest,
    },
    /// The operator refuses a certificate from now on.
    CertificateRevoked {
        /// Its fingerprint.
        certificate: Digest,
    },
    /// A node installed the certificate it dials with.
    CertificateInstalled {
        /// Its fingerprint.
        certificate: Digest,
    },
    /// Somebody answers for whole-record encodings (CLKs) of real people at a coordinator, which
    /// otherwise takes those of made-up people only.
    WholeRecordAllowed {
        /// Who, by name and office, as the operator wrote it.
        by: String,
    },
}
