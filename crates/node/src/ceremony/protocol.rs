//! The arithmetic of the ceremony: commit, then reveal to each other, then confirm. Pure functions of
//! what everybody put up and of one secret each.
//!
//! Every node draws a contribution, commits itself to it before it sees any other, and then gives it
//! to every other node, sealed. The key is made from all contributions: as long as one node drew its
//! own at random, nobody chose the key; and nobody could wait for the others before drawing, since
//! all had committed themselves. Whoever relays sees commitments and boxes.

use model::digest::Digester;
use model::{Digest, Epoch, PartyName, ProjectName};
use secret::hpke_box::{self, BoxError};
use secret::{Entropy, Key32, RecipientKey, RecipientSecret, constant_time_eq};
use zeroize::Zeroizing;

use super::CeremonyError;

/// What all messages of one ceremony are about.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Ceremony {
    pub(crate) project: ProjectName,
    pub(crate) epoch: Epoch,
    /// Digest of the agreement, which pins the officers who sign the cards.
    pub(crate) agreement: Digest,
    /// Who takes part, in the order of names.
    pub(crate) parties: Vec<PartyName>,
}

impl Ceremony {
    /// What `party` commits itself to by: HMAC-SHA256 of the ceremony under the contribution. It
    /// hides, since the contribution is 32 random bytes, and binds, since two that give one tag would
    /// be a collision of SHA-256.
    pub(crate) fn commitment(&self, party: &PartyName, contribution: &Key32) -> Digest {
        let key = contribution.derive("symbolon commitment v1", &[]);
        Digest::new(key.prf().tag(&[
            self.project.as_str().as_bytes(),
            &self.epoch.0.to_le_bytes(),
            self.agreement.as_bytes(),
            party.as_str().as_bytes(),
        ]))
    }

    /// Stands for all cards and commitments, by party in the order of names.
    pub(crate) fn transcript(&self, seen: &[(Digest, Digest)]) -> Digest {
        let mut digester = Digester::new();
        digester.field(b"symbolon key ceremony v1");
        digester.field(self.project.as_str().as_bytes());
        digester.field(&self.epoch.0.to_le_bytes());
        digester.field(self.agreement.as_bytes());
        for (party, (card, commitment)) in self.parties.iter().zip(seen) {
            digester.field(party.as_str().as_bytes());
            digester.field(card.as_bytes());
            digester.field(commitment.as_bytes());
        }
        digester.finish()
    }

    /// Seals a contribution from one party to another, under one transcript and no other.
    #[expect(
        clippy::disallowed_methods,
        reason = "a contribution leaves its node for the other nodes alone, sealed"
    )]
    pub(crate) fn seal(
        way: &Way<'_>,
        recipient: &RecipientKey,
        contribution: &Key32,
        entropy: &mut dyn Entropy,
    ) -> Result<Vec<u8>, BoxError> {
        hpke_box::seal(recipient, INFO, &way.aad(), contribution.expose(), entropy)
    }

    /// Opens a contribution and holds it to the commitment made before.
    pub(crate) fn open(
        &self,
        way: &Way<'_>,
        secret: &RecipientSecret,
        sealed: &[u8],
        commitment: &Digest,
    ) -> Result<Key32, CeremonyError> {
        let swapped = || CeremonyError::SwappedShare(way.from.clone());
        let opened = hpke_box::open(secret, INFO, &way.aad(), sealed).map_err(|_| swapped())?;
        let bytes: &[u8; 32] = opened.as_slice().try_into().map_err(|_| swapped())?;
        let mut bytes = Zeroizing::new(*bytes);
        let contribution = Key32::from_bytes(&mut bytes);
        let found = self.commitment(way.from, &contribution);
        match constant_time_eq(found.as_bytes(), commitment.as_bytes()) {
            true => Ok(contribution),
            false => Err(swapped()),
        }
    }

    /// The key: HKDF-SHA256 (RFC 5869) of all contributions in the order of names, with project,
    /// epoch and agreement as salt.
    pub(crate) fn key(&self, contributions: &[&Key32]) -> Key32 {
        let mut salt = Digester::new();
        salt.field(self.project.as_str().as_bytes());
        salt.field(&self.epoch.0.to_le_bytes());
        salt.field(self.agreement.as_bytes());
        Key32::extract(
            salt.finish().as_bytes(),
            contributions,
            "symbolon linkage key v1",
        )
    }
}

/// Shows that whoever made it has the key, and says nothing of the key.
pub(crate) fn confirmation(key: &Key32, transcript: &Digest, party: &PartyName) -> Digest {
    let key = key.derive("symbolon key confirmation v1", &[]);
    let parts: [&[u8]; 2] = [transcript.as_bytes(), party.as_str().as_bytes()];
    Digest::new(key.prf().tag(&parts))
}

const INFO: &[u8] = b"symbolon key share v1";

/// Which share of which ceremony a box holds.
pub(crate) struct Way<'a> {
    pub(crate) transcript: &'a Digest,
    pub(crate) from: &'a PartyName,
    pub(crate) to: &'a PartyName,
}

impl Way<'_> {
    fn aad(&self) -> Vec<u8> {
        let mut digester = Digester::new();
        digester.field(self.transcript.as_bytes());
        digester.field(self.from.as_str().as_bytes());
        digester.field(self.to.as_str().as_bytes());
        digester.finish().as_bytes().to_vec()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use secret::SeededEntropy;

    fn ceremony() -> Ceremony {
        Ceremony {
            project: "census".parse().unwrap(),
            epoch: Epoch(2),
            agreement: Digest::of(b"agreement"),
            parties: ["crvs", "id", "sr"]
                .map(|name| name.parse().unwrap())
                .to_vec(),
        }
    }

    fn key(seed: u64) -> Key32 {
        Key32::generate(&mut SeededEntropy::new(seed))
    }

    fn same(one: &Key32, other: &Key32) -> bool {
        let tag = |key: &Key32| key.derive("test", &[]).prf().tag(&[]);
        tag(one) == tag(other)
    }

    #[test]
    fn every_contribution_and_the_ceremony_decide_the_key() {
        let (a, b, c) = (key(1), key(2), key(3));
        let all = ceremony().key(&[&a, &b, &c]);
        assert!(same(&all, &ceremony().key(&[&a, &b, &c])));
        assert!(!same(&all, &ceremony().key(&[&a, &b, &key(4)])));
        assert!(!same(&all, &ceremony().key(&[&b, &a, &c])));
        let other = Ceremony {
            epoch: Epoch(3),
            ..ceremony()
        };
        assert!(!same(&all, &other.key(&[&a, &b, &c])));
    }

    #[test]
    fn a_commitment_is_to_one_contribution_of_one_party_in_one_ceremony() {
        let ceremony = ceremony();
        let [crvs, id, _] = &ceremony.parties[..] else {
            panic!("three parties");
        };
        let commitment = ceremony.commitment(crvs, &key(1));
        assert_eq!(commitment, ceremony.commitment(crvs, &key(1)));
        assert_ne!(commitment, ceremony.commitment(crvs, &key(2)));
        assert_ne!(commitment, ceremony.commitment(id, &key(1)));
        let later = Ceremony {
            epoch: Epoch(9),
            ..ceremony.clone()
        };
        assert_ne!(commitment, later.commitment(crvs, &key(1)));
    }

    /// A share from crvs to id, and what id needs to open it.
    struct Sent {
        ceremony: Ceremony,
        secret: RecipientSecret,
        transcript: Digest,
        sealed: Vec<u8>,
    }

    impl Sent {
        fn new() -> Self {
            let ceremony = ceremony();
            let secret = RecipientSecret::generate(&mut SeededEntropy::new(9));
            let transcript = Digest::of(b"transcript");
            let way = Way {
                transcript: &transcript,
                from: &ceremony.parties[0],
                to: &ceremony.parties[1],
            };
            let entropy = &mut SeededEntropy::new(8);
            let sealed = Ceremony::seal(&way, &secret.public(), &key(1), entropy).unwrap();
            Self {
                secret,
                transcript,
                sealed,
                ceremony,
            }
        }

        fn open(&self, transcript: &Digest, sealed: &[u8], contribution: u64) -> bool {
            let way = Way {
                transcript,
                from: &self.ceremony.parties[0],
                to: &self.ceremony.parties[1],
            };
            let commitment = self.ceremony.commitment(way.from, &key(contribution));
            let opened = self.ceremony.open(&way, &self.secret, sealed, &commitment);
            match opened {
                Ok(opened) => same(&opened, &key(contribution)),
                Err(error) => {
                    assert!(
                        matches!(error, CeremonyError::SwappedShare(from) if from == *way.from)
                    );
                    false
                }
            }
        }
    }

    #[test]
    fn a_share_counts_under_its_transcript_and_commitment_alone() {
        let sent = Sent::new();
        assert!(sent.open(&sent.transcript, &sent.sealed, 1));
        assert!(!sent.open(&sent.transcript, &sent.sealed, 2));
        assert!(!sent.open(&Digest::of(b"another"), &sent.sealed, 1));
        assert!(!sent.open(&sent.transcript, &sent.sealed[1..], 1));
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(32))]

        #[test]
        fn a_share_with_any_changed_bit_is_refused(at: usize, bit in 0u32..8) {
            let sent = Sent::new();
            let mut changed = sent.sealed.clone();
            let at = at % changed.len();
            changed[at] ^= 1 << bit;
            prop_assert!(!sent.open(&sent.transcript, &changed, 1));
        }
    }
}
