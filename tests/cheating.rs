//! What a coordinator's operator can do, who has the keys of its roles: alter files, and write a role's
//! log anew and sign it.

use std::fs;
use std::path::Path;
use std::sync::Arc;

use audit::{Actor, Event, KeyKind, NoteSigner, SignedLog, TileDir, VerifierKey};
use secret::SigningKey;
use secret::key_file::{self, Purpose};

/// Signs as the log of the role or the node in the directory `role` does.
pub(crate) fn signer(role: &Path) -> NoteSigner {
    let name = TileDir::new(&role.join("log")).key().unwrap().unwrap().name;
    let keys = ["log.key", "keys/log.key"].map(|key| role.join(key));
    let key = keys.iter().find(|key| key.exists()).unwrap();
    let seed = key_file::read(key, Purpose::Signing).unwrap();
    let signing = SigningKey::from_seed(&seed);
    let (kind, public) = (KeyKind::Log, signing.public());
    let key = VerifierKey { name, kind, public };
    NoteSigner::new(key, move |message| signing.sign(message))
}

/// Writes the log of the role or the node in the directory `role` anew: each event as `change` has it, signed.
pub(crate) fn rewrite(role: &Path, mut change: impl FnMut(u64, Event) -> Option<Event>) {
    let log = role.join("log");
    let signer = Arc::new(signer(role));
    let before = SignedLog::open(&log, signer.clone()).unwrap();
    let events: Vec<(Event, Actor, u64)> = (0..before.log().size())
        .filter_map(|index| {
            let entry = before.log().entry(index).unwrap().unwrap();
            Some((change(index, entry.event)?, entry.actor, entry.unix_millis))
        })
        .collect();
    drop(before);
    fs::remove_dir_all(&log).unwrap();
    let mut after = SignedLog::open(&log, signer).unwrap();
    for (event, actor, unix_millis) in events {
        after.append(event, actor, unix_millis).unwrap();
    }
}

/// Changes a digit of the first entry that has `"rows":` in the log that the role publishes, and leaves
/// the rest, its signature too, as it is.
pub(crate) fn alter_published_entry(role: &Path) {
    let partial = role.join("log/tile/entries/000.p");
    let sizes = fs::read_dir(&partial).unwrap();
    let sizes = sizes.map(|entry| entry.unwrap().file_name().into_string().unwrap());
    let last = sizes.max_by_key(|width| width.parse::<u64>().unwrap());
    let bundle = partial.join(last.unwrap());
    let mut bytes = fs::read(&bundle).unwrap();
    let mut places = bytes.windows(7);
    let place = places.position(|window| window == b"\"rows\":").unwrap() + 7;
    bytes[place] ^= 1;
    fs::write(&bundle, bytes).unwrap();
}

/// Changes one byte in the middle of a file.
pub(crate) fn alter(path: &Path) {
    let mut bytes = fs::read(path).unwrap();
    let middle = bytes.len() / 2;
    bytes[middle] ^= 1;
    fs::write(path, bytes).unwrap();
}

/// Changes one byte of a batch that the role in the directory `role` keeps.
pub(crate) fn alter_a_batch(role: &Path) {
    let entries = fs::read_dir(role.join("batches")).unwrap();
    let mut files = entries.map(|entry| entry.unwrap().path());
    let batch = files.find(|path| {
        path.extension()
            .is_some_and(|extension| extension == "batch")
    });
    alter(&batch.unwrap());
}
