//! The linkage key's way into a node, a node's making, and what is refused on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use audit::Event;
use model::Epoch;
use secret::key_file::KeyFileError;
use secret::{Key32, Purpose, SeededEntropy, Unlock, key_file};
use service::Exit;

use super::fixture::{Addresses, GOOD, SCHEMA, Setting, clock, options};
use crate::{
    BackupError, HomeError, InitError, InitOptions, LinkageKeyError, Node, NodeError,
    new_holder_key,
};

/// Puts a key in its place, as the nodes do when they have agreed on it.
fn put_key(setting: &Setting, seed: u64) {
    let key = Key32::generate(&mut SeededEntropy::new(seed));
    setting.node.put_linkage_key(Epoch(1), &key).unwrap();
}

fn fingerprint(setting: &Setting) -> Result<String, NodeError> {
    let fingerprint = setting.node.linkage_key_fingerprint(Epoch(1));
    fingerprint.map(|fingerprint| fingerprint.to_string())
}

#[test]
fn all_who_hold_the_key_read_the_same_fingerprint() {
    let [one, same, other] = [3, 3, 4].map(|seed| {
        let setting = Setting::bare(&Addresses::default());
        put_key(&setting, seed);
        let file = fs::read_to_string(setting.node.home().linkage_key(Epoch(1))).unwrap();
        let text = fingerprint(&setting).unwrap();
        assert!(!text.split(' ').any(|group| file.contains(group)), "{text}");
        text
    });
    assert_eq!(one.split(' ').map(str::len).collect::<Vec<_>>(), [4; 8]);
    assert_eq!(one, same);
    assert_ne!(one, other);
}

#[test]
fn a_key_for_another_use_is_refused() {
    let setting = Setting::bare(&Addresses::default());
    let home = setting.node.home();
    fs::create_dir(home.epoch(Epoch(1))).unwrap();
    let path = home.linkage_key(Epoch(1));
    key_file::write(&path, Purpose::Vault, &Key32::from_bytes(&mut [1; 32])).unwrap();
    assert!(matches!(
        fingerprint(&setting),
        Err(NodeError::KeyFile(KeyFileError::WrongPurpose { .. }))
    ));
}

#[test]
fn nothing_is_prepared_without_a_linkage_key_or_with_an_open_one() {
    let setting = Setting::new();
    let installed = setting.node.home().linkage_key(Epoch(1));
    fs::set_permissions(&installed, fs::Permissions::from_mode(0o644)).unwrap();
    let error = setting.prepare(GOOD).unwrap_err();
    assert!(matches!(
        error,
        NodeError::KeyFile(KeyFileError::Exposed { .. })
    ));
    fs::remove_file(&installed).unwrap();
    let error = setting.prepare(GOOD).unwrap_err();
    assert!(matches!(
        error,
        NodeError::LinkageKey(LinkageKeyError::None(Epoch(1)))
    ));
    assert_eq!(error.exit(), Exit::Refused);
}

/// What a program was writing when it was killed is overwritten, not only unlinked.
#[test]
fn a_leftover_of_a_killed_installation_is_destroyed() {
    let setting = Setting::bare(&Addresses::default());
    let home = setting.node.home();
    fs::create_dir(home.epoch(Epoch(1))).unwrap();
    let leftover = home.linkage_key(Epoch(1)).with_extension("new");
    fs::write(&leftover, "half a key").unwrap();
    let copy = setting.path("copy");
    fs::hard_link(&leftover, &copy).unwrap();
    put_key(&setting, 3);
    fingerprint(&setting).unwrap();
    assert!(fs::read(copy).unwrap().iter().all(|byte| *byte == 0));
}

#[test]
fn destroyed_keys_are_gone_with_all_drafts_and_the_epoch_is_over() {
    let setting = Setting::bare(&Addresses::default());
    let none = setting.node.destroy_keys(Epoch(1));
    assert!(matches!(
        none,
        Err(NodeError::LinkageKey(LinkageKeyError::None(Epoch(1))))
    ));
    put_key(&setting, 3);
    let home = setting.node.home();
    let draft = home.contribution(Epoch(1)).with_extension("new");
    fs::write(&draft, "a contribution").unwrap();
    setting.node.destroy_keys(Epoch(1)).unwrap();
    assert!(!draft.exists() && !home.linkage_key(Epoch(1)).exists());
    // Again changes nothing, and no key comes after it.
    setting.node.destroy_keys(Epoch(1)).unwrap();
    let card = setting.node.new_card(Epoch(1), &mut SeededEntropy::new(5));
    assert!(matches!(
        card,
        Err(NodeError::LinkageKey(LinkageKeyError::Destroyed(Epoch(1))))
    ));
    setting
        .node
        .new_card(Epoch(2), &mut SeededEntropy::new(5))
        .unwrap();
}

fn init(
    setting: &Setting,
    dir: &str,
    change: impl FnOnce(&mut InitOptions),
) -> Result<Node, NodeError> {
    let schema = setting.write("schema-given.toml", SCHEMA);
    let mut options = options(&schema, &Addresses::default());
    change(&mut options);
    let mut entropy = SeededEntropy::new(2);
    Node::init(&setting.path(dir), &options, &mut entropy, clock())
}

#[test]
fn a_node_is_made_whole_or_not_at_all() {
    let setting = Setting::bare(&Addresses::default());
    let taken = init(&setting, "node", |_| {});
    assert!(matches!(taken, Err(NodeError::Init(InitError::Taken(_)))));
    let stranger = init(&setting, "other", |options| {
        options.party = "ibr".parse().unwrap()
    });
    let error = stranger.err().unwrap().to_string();
    assert!(
        error.contains("no party `ibr`; it has: crvs, sr"),
        "{error}"
    );
    let address = init(&setting, "other", |options| {
        options.resolver = "nowhere".into()
    });
    assert!(matches!(
        address,
        Err(NodeError::Init(InitError::Address(_)))
    ));
    assert!(!setting.path("other").exists());
    // Left by a program that was killed while it made the node.
    fs::create_dir(setting.path(".other.new")).unwrap();
    let node = init(&setting, "other", |_| {}).ok().unwrap();
    assert_eq!(node.config().party.as_str(), "crvs");
    assert!(!setting.path(".other.new").exists());
}

#[test]
fn a_directory_that_is_no_node_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let error = Node::open(dir.path(), clock()).err().unwrap();
    assert!(matches!(error, NodeError::Home(HomeError::NotANode(_))));
}

/// Every file under `dir` that has a key in clear: ours, or PEM.
fn in_clear(dir: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(dir).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(in_clear(&path));
        } else if let Ok(text) = fs::read_to_string(&path)
            && (text.starts_with("symbolon-key-v1") || text.contains("PRIVATE KEY"))
        {
            found.push(path);
        }
    }
    found
}

#[test]
fn a_node_whose_keys_are_sealed_works_by_its_passphrase_and_not_without() {
    let setting = Setting::new();
    let home = setting.node.home().root().to_owned();
    let passphrase = home.with_file_name("passphrase");
    fs::write(&passphrase, "four words of mine\n").unwrap();
    fs::set_permissions(&passphrase, fs::Permissions::from_mode(0o600)).unwrap();
    assert_eq!(
        in_clear(&home).len(),
        4,
        "secret, log key, TLS key, linkage key"
    );
    for _ in 0..2 {
        setting.node.seal_keys(&passphrase).unwrap();
    }
    assert_eq!(in_clear(&home), Vec::<PathBuf>::new());
    let node = Node::open(&home, clock()).unwrap();
    let input = home.with_file_name("registry.csv");
    fs::write(&input, GOOD).unwrap();
    node.prepare(&input, false, &model::Silent, &mut SeededEntropy::new(5))
        .unwrap();
    assert!(node.tls_key().unwrap().contains("PRIVATE KEY"));
    // A key that is made later is sealed too.
    node.new_card(Epoch(2), &mut SeededEntropy::new(6)).unwrap();
    assert_eq!(in_clear(&home), Vec::<PathBuf>::new());
    fs::write(&passphrase, "four words of yours\n").unwrap();
    let other = Node::open(&home, clock()).unwrap();
    assert!(matches!(
        other.tls_key(),
        Err(NodeError::KeyFile(KeyFileError::WrongPassphrase(_)))
    ));
    fs::remove_file(&passphrase).unwrap();
    assert!(Node::open(&home, clock()).is_err());
}

/// Three holders, two of whom restore what the node lost.
#[test]
fn a_lost_linkage_key_is_restored_by_enough_of_its_holders() {
    let setting = Setting::bare(&Addresses::default());
    put_key(&setting, 3);
    let print = fingerprint(&setting).unwrap();
    let (node, epoch) = (&setting.node, Epoch(1));
    let dir = tempfile::tempdir().unwrap();
    let entropy = &mut SeededEntropy::new(7);
    let unlock = Unlock::default();
    let mut holders = Vec::new();
    for holder in ["ana", "ben", "cleo"] {
        let key = dir.path().join(format!("{holder}.key"));
        let public = new_holder_key(&key, &unlock, entropy).unwrap();
        holders.push((holder.to_owned(), public));
    }
    let out = dir.path().join("shares");
    node.back_up_key(epoch, 2, &holders, &out, entropy).unwrap();
    let pair = |holder: &str| {
        let share = out.join(format!("share-epoch-1-{holder}.toml"));
        (share, dir.path().join(format!("{holder}.key")))
    };
    let restore = |pairs: &[(PathBuf, PathBuf)]| node.restore_key(epoch, pairs, &unlock);
    let refused = |outcome: Result<_, NodeError>| match outcome.err() {
        Some(NodeError::Backup(error)) => error,
        other => panic!("{other:?}"),
    };
    let both = [pair("ana"), pair("cleo")];
    assert!(matches!(refused(restore(&both)), BackupError::Installed(_)));
    let hex = fs::read_to_string(node.home().linkage_key(epoch)).unwrap();
    let hex = hex.trim().rsplit(' ').next().unwrap().to_owned();
    for (share, _) in &both {
        assert!(!fs::read_to_string(share).unwrap().contains(&hex[..16]));
    }
    fs::remove_file(node.home().linkage_key(epoch)).unwrap();
    assert!(matches!(
        refused(restore(&both[..1])),
        BackupError::Split(_)
    ));
    assert!(matches!(
        refused(restore(&[pair("ana"), pair("ana")])),
        BackupError::Split(_)
    ));
    // A share with another holder's key, or one that says it is of something else.
    let crossed = [pair("ana"), (pair("ben").0, pair("cleo").1)];
    assert!(matches!(
        refused(restore(&crossed)),
        BackupError::Sealed { .. }
    ));
    let text = fs::read_to_string(pair("ben").0).unwrap();
    fs::write(pair("ben").0, text.replace("needed = 2", "needed = 3")).unwrap();
    let altered = [pair("ana"), pair("ben")];
    assert!(matches!(
        refused(restore(&altered)),
        BackupError::Another(_)
    ));
    assert_eq!(restore(&both).unwrap().to_string(), print);
    assert_eq!(fingerprint(&setting).unwrap(), print);
    for event in [
        Event::KeyBackedUp {
            epoch,
            shares: 3,
            needed: 2,
        },
        Event::KeyRestored { epoch },
    ] {
        assert!(node.home().has_recorded(&event).unwrap(), "{event:?}");
    }
    // What was destroyed stays destroyed, whoever has shares.
    node.destroy_keys(epoch).unwrap();
    assert!(matches!(
        restore(&both),
        Err(NodeError::LinkageKey(LinkageKeyError::Destroyed(_)))
    ));
}
