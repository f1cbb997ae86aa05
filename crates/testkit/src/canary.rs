//! Canaries: values planted in registries and key files, and a search for them in what should never
//! hold any, in all the forms in which a value leaks by mistake.

use std::collections::BTreeSet;
use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use aho_corasick::AhoCorasick;
use base64::engine::general_purpose::{STANDARD_NO_PAD, URL_SAFE_NO_PAD};

/// Shorter words turn up by chance.
const MIN_WORD: usize = 5;
/// Shorter runs of digits turn up in counts, times and digests.
const MIN_DIGITS: usize = 7;
/// The length of the fragments of a word that are searched for too.
const FRAGMENT: usize = 6;

/// Values that must not be found, gathered before the search.
#[derive(Default)]
pub struct Planted {
    /// What is searched for, and what that is.
    needles: Vec<(Vec<u8>, String)>,
}

impl Planted {
    /// Nothing planted.
    pub fn new() -> Self {
        Self::default()
    }

    /// Plants a registry's value: as it stands, each of its words, and fragments of them, in plain
    /// text, hexadecimal and base64. Case does not matter.
    pub fn text(&mut self, what: &str, value: &str) {
        let mut forms = BTreeSet::from([value.to_owned()]);
        let words = value.split(|c: char| !c.is_alphanumeric());
        for word in words.filter(|word| word.chars().count() >= MIN_WORD) {
            forms.insert(word.to_owned());
            forms.insert(word.to_lowercase());
            forms.insert(word.to_uppercase());
            forms.extend(fragments(word));
        }
        let only_digits = |form: &String| form.bytes().all(|byte| byte.is_ascii_digit());
        forms.retain(|form| !only_digits(form) || form.len() >= MIN_DIGITS);
        for form in forms {
            self.needle(&format!("{what}, as text"), form.clone().into_bytes());
            self.encoded(what, form.as_bytes());
        }
    }

    /// Plants the bytes of a key: as they stand, in hexadecimal and base64.
    pub fn key(&mut self, what: &str, bytes: &[u8]) {
        self.needle(&format!("{what}, raw"), bytes.to_vec());
        self.encoded(what, bytes);
    }

    /// A searcher for all that was planted.
    ///
    /// # Errors
    /// When there is too much to search for.
    pub fn search(self) -> io::Result<Search> {
        let patterns = self.needles.iter().map(|(needle, _)| needle);
        let automaton = AhoCorasick::builder()
            .ascii_case_insensitive(true)
            .build(patterns)
            .map_err(io::Error::other)?;
        Ok(Search {
            automaton,
            names: self.needles.into_iter().map(|(_, name)| name).collect(),
        })
    }

    fn encoded(&mut self, what: &str, bytes: &[u8]) {
        let hex = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        self.needle(&format!("{what}, in hexadecimal"), String::into_bytes(hex));
        for engine in [&STANDARD_NO_PAD, &URL_SAFE_NO_PAD] {
            for before in 0..3 {
                let text = inner_base64(engine, bytes, before);
                self.needle(&format!("{what}, in base64"), text.into_bytes());
            }
        }
    }

    fn needle(&mut self, name: &str, needle: Vec<u8>) {
        if needle.len() >= MIN_WORD {
            self.needles.push((needle, name.to_owned()));
        }
    }
}

/// Every run of [`FRAGMENT`] letters of a word. Digits alone say nothing.
fn fragments(word: &str) -> Vec<String> {
    let letters: Vec<char> = word.to_lowercase().chars().collect();
    let runs = letters.windows(FRAGMENT).map(|run| run.iter().collect());
    runs.filter(|run: &String| !run.bytes().any(|byte| byte.is_ascii_digit()))
        .collect()
}

/// The characters that `bytes` alone decide when they stand in a longer text, `before` bytes after a
/// multiple of three.
fn inner_base64(engine: &impl base64::Engine, bytes: &[u8], before: usize) -> String {
    let padded = [vec![0; before], bytes.to_vec()].concat();
    let text = engine.encode(&padded);
    // A character holds six bits: those shared with a neighbour are left out.
    let first = (before * 8).div_ceil(6);
    let last = padded.len() * 8 / 6;
    text.get(first..last).unwrap_or_default().to_owned()
}

/// Looks for what was planted.
pub struct Search {
    automaton: AhoCorasick,
    names: Vec<String>,
}

impl Search {
    /// What of it stands in `bytes`, each told once, with the `place` it was found in.
    pub fn bytes(&self, place: &str, bytes: &[u8]) -> BTreeSet<String> {
        let found = self.automaton.find_overlapping_iter(bytes);
        found
            .map(|found| {
                let name = &self.names[found.pattern().as_usize()];
                format!("{place}: {name}")
            })
            .collect()
    }

    /// What of it stands in any file under `directory`, or in a file's name.
    ///
    /// # Errors
    /// The system's, when a file cannot be read.
    pub fn files(&self, directory: &Path) -> io::Result<BTreeSet<String>> {
        let mut found = BTreeSet::new();
        for path in files_under(directory)? {
            found.extend(self.file(&path)?);
        }
        Ok(found)
    }

    /// What of it stands in one file, or in its name.
    ///
    /// # Errors
    /// The system's, when the file cannot be read.
    pub fn file(&self, path: &Path) -> io::Result<BTreeSet<String>> {
        let place = path.display().to_string();
        let mut found = self.bytes(&place, place.as_bytes());
        found.extend(self.bytes(&place, &fs::read(path)?));
        Ok(found)
    }
}

/// All files under `directory`, sorted.
///
/// # Errors
/// The system's, when a directory cannot be read.
pub fn files_under(directory: &Path) -> io::Result<Vec<PathBuf>> {
    let mut files = Vec::new();
    for entry in fs::read_dir(directory)? {
        let path = entry?.path();
        if path.is_dir() {
            files.extend(files_under(&path)?);
        } else {
            files.push(path);
        }
    }
    files.sort();
    Ok(files)
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine as _;

    fn search() -> Search {
        let mut planted = Planted::new();
        planted.text("name", "Zyxquorna Ben-Plimbert");
        planted.text("date", "04/07/1961");
        planted.key("key", &[0xa7; 32]);
        planted.search().unwrap()
    }

    fn finds(haystack: impl AsRef<[u8]>) -> bool {
        !search().bytes("here", haystack.as_ref()).is_empty()
    }

    #[test]
    fn values_words_and_fragments_are_found_in_any_case() {
        assert!(finds("given=Zyxquorna Ben-Plimbert;"));
        assert!(finds("PLIMBERT"));
        assert!(finds("..yxquorn.."));
        assert!(finds("on 04/07/1961"));
        assert!(!finds("Ben was here in 1961"));
    }

    #[test]
    fn encodings_are_found_wherever_they_begin() {
        let mut hex = String::new();
        b"..Plimbert.."
            .iter()
            .for_each(|byte| hex += &format!("{byte:02X}"));
        assert!(finds(hex));
        for before in 0..4 {
            let text = ["x".repeat(before).as_bytes(), b"Plimbert and more"].concat();
            assert!(finds(STANDARD_NO_PAD.encode(&text)), "{before}");
            assert!(finds(URL_SAFE_NO_PAD.encode(&text)), "{before}");
        }
    }

    #[test]
    fn keys_are_found_raw_and_encoded() {
        assert!(finds([vec![1, 2], vec![0xa7; 32]].concat()));
        assert!(finds("a7".repeat(32)));
        assert!(!finds([0xa7; 31]));
    }

    #[test]
    fn files_and_their_names_are_searched() {
        let dir = tempfile::tempdir().unwrap();
        fs::create_dir(dir.path().join("deep")).unwrap();
        fs::write(dir.path().join("deep/plimbert.bin"), b"nothing").unwrap();
        fs::write(dir.path().join("a"), b"zyxquorna").unwrap();
        let found = search().files(dir.path()).unwrap();
        let places = |end: &str| found.iter().any(|line| line.contains(end));
        assert!(places("plimbert.bin: ") && places("/a: "));
    }
}
