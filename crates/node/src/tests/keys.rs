//! The linkage key's way into a node, a node's making, and what is refused on the way.

use std::fs;
use std::os::unix::fs::PermissionsExt as _;

use model::Epoch;
use secret::key_file::KeyFileError;
use secret::{Key32, Purpose, SeededEntropy, key_file};
use service::Exit;

use super::fixture::{Addresses, GOOD, SCHEMA, Setting, clock, options};
use crate::new_linkage_key;
use crate::{Fingerprint, HomeError, InitError, InitOptions, LinkageKeyError, Node, NodeError};

fn new_key(setting: &Setting, name: &str, seed: u64) -> Fingerprint {
    new_linkage_key(&setting.path(name), &mut SeededEntropy::new(seed)).unwrap()
}

#[test]
fn all_who_hold_the_key_read_the_same_fingerprint() {
    let setting = Setting::bare(&Addresses::default());
    let made = new_key(&setting, "linkage.key", 3);
    let from = setting.path("linkage.key");
    assert_eq!(
        setting.node.install_linkage_key(&from, Epoch(1)).unwrap(),
        made
    );
    // Once more changes nothing.
    assert_eq!(
        setting.node.install_linkage_key(&from, Epoch(1)).unwrap(),
        made
    );
    assert_eq!(
        setting.node.linkage_key_fingerprint(Epoch(1)).unwrap(),
        made
    );
    let text = made.to_string();
    assert_eq!(text.split(' ').map(str::len).collect::<Vec<_>>(), [4; 8]);
    let file = fs::read_to_string(&from).unwrap();
    assert!(!text.split(' ').any(|group| file.contains(group)), "{text}");
}

#[test]
fn another_key_does_not_replace_the_installed_one() {
    let setting = Setting::new();
    let installed = setting.node.linkage_key_fingerprint(Epoch(1)).unwrap();
    new_key(&setting, "other.key", 4);
    let error = setting
        .node
        .install_linkage_key(&setting.path("other.key"), Epoch(1));
    assert!(matches!(
        error,
        Err(NodeError::LinkageKey(LinkageKeyError::Another { .. }))
    ));
    assert_eq!(
        setting.node.linkage_key_fingerprint(Epoch(1)).unwrap(),
        installed
    );
}

#[test]
fn keys_open_to_others_or_for_another_use_are_refused() {
    let setting = Setting::bare(&Addresses::default());
    new_key(&setting, "open.key", 3);
    let open = setting.path("open.key");
    fs::set_permissions(&open, fs::Permissions::from_mode(0o640)).unwrap();
    let vault = setting.path("vault.key");
    key_file::write(&vault, Purpose::Vault, &Key32::from_bytes(&mut [1; 32])).unwrap();
    for (path, is_expected) in [
        (open, is_exposed as fn(&KeyFileError) -> bool),
        (vault, is_wrong_purpose),
    ] {
        match setting.node.install_linkage_key(&path, Epoch(1)) {
            Err(NodeError::KeyFile(error)) => assert!(is_expected(&error), "{error}"),
            _ => panic!("the key was taken"),
        }
    }
    assert!(!setting.node.home().linkage_key(Epoch(1)).exists());
}

fn is_exposed(error: &KeyFileError) -> bool {
    matches!(error, KeyFileError::Exposed { mode: 0o640, .. })
}

fn is_wrong_purpose(error: &KeyFileError) -> bool {
    matches!(error, KeyFileError::WrongPurpose { .. })
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

#[test]
fn a_leftover_of_a_killed_installation_is_no_obstacle() {
    let setting = Setting::bare(&Addresses::default());
    let made = new_key(&setting, "linkage.key", 3);
    let home = setting.node.home();
    fs::create_dir(home.epoch(Epoch(1))).unwrap();
    let leftover = home.linkage_key(Epoch(1)).with_extension("new");
    fs::write(leftover, "half").unwrap();
    let from = setting.path("linkage.key");
    assert_eq!(
        setting.node.install_linkage_key(&from, Epoch(1)).unwrap(),
        made
    );
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
