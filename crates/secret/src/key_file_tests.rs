//! Key files: written, read, refused and destroyed.

use super::*;
use std::os::unix::fs::{PermissionsExt, symlink};
use tempfile::TempDir;

fn key() -> Key32 {
    Key32::from_bytes(&mut [0xab; 32])
}

fn stored(content: &str, mode: u32) -> (TempDir, PathBuf) {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    fs::write(&path, content).unwrap();
    fs::set_permissions(&path, fs::Permissions::from_mode(mode)).unwrap();
    (directory, path)
}

fn refusal(path: &Path) -> KeyFileError {
    read(path, Purpose::Vault).err().unwrap()
}

#[test]
fn every_purpose_round_trips() {
    let directory = tempfile::tempdir().unwrap();
    for purpose in Purpose::ALL {
        let path = directory.path().join(purpose.word());
        write(&path, purpose, &key()).unwrap();
        assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
        assert_eq!(read(&path, purpose).unwrap().bytes(), key().bytes());
    }
}

#[test]
fn the_file_is_one_line_of_text() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    write(&path, Purpose::HandleMap, &key()).unwrap();
    let expected = format!("symbolon-key-v1 handle-map {}\n", "ab".repeat(32));
    assert_eq!(fs::read_to_string(&path).unwrap(), expected);
}

#[test]
fn a_sealed_key_opens_with_its_passphrase_and_is_not_in_the_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    let phrase = |text: &str| {
        Passphrase::new(Zeroizing::new(text.to_owned()))
            .ok()
            .unwrap()
    };
    let (right, wrong) = (phrase("four words of mine"), phrase("four words of yours"));
    write_sealed(&path, Purpose::Signing, &key(), &right).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    assert!(text.starts_with("symbolon-key-v2 signing 65536,3 ") && !text.contains("abab"));
    let opened = read_with(&path, Purpose::Signing, Some(&right)).unwrap();
    assert_eq!(opened.bytes(), key().bytes());
    let refused = |purpose, passphrase| read_with(&path, purpose, passphrase).err().unwrap();
    assert!(matches!(
        refused(Purpose::Signing, None),
        KeyFileError::Sealed(_)
    ));
    assert!(matches!(
        refused(Purpose::Signing, Some(&wrong)),
        KeyFileError::WrongPassphrase(_)
    ));
    assert!(matches!(
        refused(Purpose::Vault, Some(&right)),
        KeyFileError::WrongPurpose { .. }
    ));
    // What the file says of itself is sealed with the key.
    fs::write(&path, text.replace(" signing ", " vault ")).unwrap();
    assert!(matches!(
        refused(Purpose::Vault, Some(&right)),
        KeyFileError::WrongPassphrase(_)
    ));
    destroy(&path).unwrap();
    assert!(!path.exists());
}

#[test]
fn a_destroyed_key_is_gone_and_stays_so() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("a.key");
    write(
        &path,
        Purpose::Linkage,
        &Key32::generate(&mut crate::SeededEntropy::new(1)),
    )
    .unwrap();
    // A second name for the same file shows what became of its bytes.
    let copy = dir.path().join("copy");
    std::fs::hard_link(&path, &copy).unwrap();
    destroy(&path).unwrap();
    assert!(std::fs::read(&copy).unwrap().iter().all(|byte| *byte == 0));
    assert!(matches!(
        read(&path, Purpose::Linkage),
        Err(KeyFileError::Missing(_))
    ));
    destroy(&path).unwrap();
    assert!(matches!(
        destroy(dir.path()),
        Err(KeyFileError::NotPlain(_))
    ));
}

#[test]
fn never_overwrites() {
    let (_directory, path) = stored("precious", 0o600);
    assert!(matches!(
        write(&path, Purpose::Vault, &key()),
        Err(KeyFileError::Exists(_))
    ));
    assert_eq!(fs::read_to_string(&path).unwrap(), "precious");
}

#[test]
fn refuses_files_open_to_others_and_says_how_to_close_them() {
    let line = format!("{MAGIC} vault {}\n", "ab".repeat(32));
    for mode in [0o640, 0o604, 0o620, 0o601] {
        let (_directory, path) = stored(&line, mode);
        let refusal = refusal(&path);
        assert!(matches!(refusal, KeyFileError::Exposed { .. }));
        assert!(
            refusal
                .to_string()
                .contains(&format!("chmod 600 {}", path.display()))
        );
    }
    let (_directory, path) = stored(&line, 0o400);
    assert!(read(&path, Purpose::Vault).is_ok());
}

#[test]
fn refuses_links_directories_and_missing_files() {
    let (directory, path) = stored(&format!("{MAGIC} vault {}\n", "ab".repeat(32)), 0o600);
    let link = directory.path().join("link");
    symlink(&path, &link).unwrap();
    assert!(matches!(refusal(&link), KeyFileError::NotPlain(_)));
    assert!(matches!(
        refusal(directory.path()),
        KeyFileError::NotPlain(_)
    ));
    assert!(matches!(
        refusal(&directory.path().join("none")),
        KeyFileError::Missing(_)
    ));
}

#[test]
fn refuses_another_purpose() {
    let (_directory, path) = stored(&format!("{MAGIC} linkage {}\n", "ab".repeat(32)), 0o600);
    let text = refusal(&path).to_string();
    assert!(
        text.contains("holds a linkage key, a vault key is needed"),
        "{text}"
    );
}

#[test]
fn refuses_malformed_content_without_showing_it() {
    let hex = "ab".repeat(32);
    let contents = [
        String::new(),
        hex.clone(),
        format!("{MAGIC} vault {}", &hex[..62]),
        format!("{MAGIC} vault {hex}ab"),
        format!("{MAGIC} vault {hex} more"),
        format!("{MAGIC} vault {hex}\n\n"),
        format!("{MAGIC} unheard-of {hex}\n"),
        format!("symbolon-key-v2 vault {hex}\n"),
        format!(
            "symbolon-key-v2 vault 32,1 {} {hex}{}\n",
            &hex[..32],
            &hex[..30]
        ),
        format!(
            "symbolon-key-v2 vault 99999999,1 {} {hex}{}\n",
            &hex[..32],
            &hex[..32]
        ),
        format!("symbolon-key-v3 vault {hex}\n"),
        format!("{MAGIC} vault {hex}{}", " ".repeat(MAX_FILE_BYTES)),
    ];
    for content in contents {
        let (_directory, path) = stored(&content, 0o600);
        let refusal = refusal(&path);
        assert!(matches!(refusal, KeyFileError::Malformed(_)), "{content}");
        assert!(!refusal.to_string().contains("abab"));
    }
}

fn phrase(text: &str) -> Passphrase {
    let text = Zeroizing::new(text.to_owned());
    Passphrase::new(text).ok().unwrap()
}

const PEM: &str = "-----BEGIN PRIVATE KEY-----\nMC4CAQAwBQYDK2Vw\n-----END PRIVATE KEY-----\n";

#[test]
fn a_key_that_is_text_is_sealed_like_any_other() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node.key");
    let right = phrase("four words of mine");
    write_text(&path, Purpose::Tls, PEM, Some(&right)).unwrap();
    assert_eq!(fs::metadata(&path).unwrap().mode() & 0o7777, 0o600);
    let text = fs::read_to_string(&path).unwrap();
    let hidden: String = PEM.bytes().map(|byte| format!("{byte:02x}")).collect();
    assert!(!text.contains("PRIVATE") && !text.contains(&hidden[..20]));
    let opened = read_text_with(&path, Purpose::Tls, Some(&right)).unwrap();
    assert_eq!(opened.as_str(), PEM);
    let wrong = phrase("four words of yours");
    let refused = |purpose, passphrase| read_text_with(&path, purpose, passphrase).unwrap_err();
    assert!(matches!(
        refused(Purpose::Tls, None),
        KeyFileError::Sealed(_)
    ));
    assert!(matches!(
        refused(Purpose::Tls, Some(&wrong)),
        KeyFileError::WrongPassphrase(_)
    ));
    assert!(matches!(
        refused(Purpose::Signing, Some(&right)),
        KeyFileError::WrongPurpose { .. }
    ));
    let (_directory, path) = stored(PEM, 0o600);
    let plain = read_text_with(&path, Purpose::Tls, Some(&right)).unwrap();
    assert_eq!(plain.as_str(), PEM);
}

#[test]
fn keys_in_clear_are_sealed_where_they_lie() {
    let directory = tempfile::tempdir().unwrap();
    let (one, two) = (
        directory.path().join("a.key"),
        directory.path().join("b.key"),
    );
    write(&one, Purpose::Vault, &key()).unwrap();
    write_text(&two, Purpose::Tls, PEM, None).unwrap();
    // A name for what was in clear, to look at it afterwards.
    let clear = directory.path().join("clear");
    fs::hard_link(&one, &clear).unwrap();
    let right = phrase("four words of mine");
    for _ in 0..2 {
        seal_in_place(&one, Purpose::Vault, &right).unwrap();
        seal_in_place(&two, Purpose::Tls, &right).unwrap();
    }
    assert!(fs::read(&clear).unwrap().iter().all(|byte| *byte == 0));
    assert!(matches!(refusal(&one), KeyFileError::Sealed(_)));
    let unlock = crate::Unlock::by(right);
    assert_eq!(
        unlock.read(&one, Purpose::Vault).unwrap().bytes(),
        key().bytes()
    );
    assert_eq!(unlock.read_text(&two, Purpose::Tls).unwrap().as_str(), PEM);
    seal_in_place(
        &directory.path().join("none"),
        Purpose::Vault,
        &phrase("four words of mine"),
    )
    .unwrap();
    let left = fs::read_dir(directory.path()).unwrap().count();
    assert_eq!(left, 3);
}

#[test]
fn a_key_for_something_else_is_not_sealed() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("a.key");
    write(&path, Purpose::Vault, &key()).unwrap();
    let refused = seal_in_place(&path, Purpose::Signing, &phrase("four words of mine"));
    assert!(matches!(refused, Err(KeyFileError::WrongPurpose { .. })));
    assert_eq!(read(&path, Purpose::Vault).unwrap().bytes(), key().bytes());
}
