//! Where bulk data lie: encodings, block rows, pairs and results, in flat files that appear under
//! their name when they are whole.
//!
//! ```text
//! projects/<project>/party-<i>.clks      encodings, one after the other
//! projects/<project>/party-<i>.blocks    block digest and record, sorted
//! projects/<project>/party-<i>.staged    an upload in pieces, as far as it has come
//! projects/<project>/<run>/              raw pairs, sorted pairs, results
//! incoming/                              bodies of requests under way
//! ```

use std::collections::HashSet;
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use service::files::{create_dir_private, sync_dir};

use super::Randomness;
use super::hex;
use super::id::{ProjectId, RunId};

/// Bytes buffered before they are written.
const BUFFER: usize = 1 << 18;

/// The directory of the service's bulk data.
pub(crate) struct Files(PathBuf);

impl Files {
    /// Takes the directory, and forgets bodies of requests that a crash cut off.
    pub(crate) fn open(directory: &Path) -> io::Result<Self> {
        let files = Self(directory.to_path_buf());
        remove_dir(&files.incoming())?;
        create_dir_private(&files.incoming())?;
        create_dir_private(&files.projects())?;
        Ok(files)
    }

    /// Removes what belongs to no project there is.
    pub(crate) fn sweep(&self, projects: impl Iterator<Item = ProjectId>) -> io::Result<()> {
        let known: HashSet<String> = projects.map(|id| id.to_string()).collect();
        for entry in std::fs::read_dir(self.projects())? {
            let entry = entry?;
            let name = entry.file_name();
            if name.to_str().is_none_or(|name| !known.contains(name)) {
                remove_dir(&entry.path())?;
            }
        }
        Ok(())
    }

    fn incoming(&self) -> PathBuf {
        self.0.join("incoming")
    }

    fn projects(&self) -> PathBuf {
        self.0.join("projects")
    }

    /// Makes a new project's directory.
    pub(crate) fn add_project(&self, project: &ProjectId) -> io::Result<()> {
        create_dir_private(&self.project(project))?;
        sync_dir(&self.projects())
    }

    /// A project's directory.
    pub(crate) fn project(&self, project: &ProjectId) -> PathBuf {
        self.projects().join(project.to_string())
    }

    /// Removes all of a project.
    pub(crate) fn remove_project(&self, project: &ProjectId) -> io::Result<()> {
        remove_dir(&self.project(project))
    }

    /// A party's encodings.
    pub(crate) fn encodings(&self, project: &ProjectId, party: usize) -> PathBuf {
        self.project(project).join(format!("party-{party}.clks"))
    }

    /// A party's block rows.
    pub(crate) fn blocks(&self, project: &ProjectId, party: usize) -> PathBuf {
        self.project(project).join(format!("party-{party}.blocks"))
    }

    /// A party's upload in pieces.
    pub(crate) fn staged(&self, project: &ProjectId, party: usize) -> PathBuf {
        self.project(project).join(format!("party-{party}.staged"))
    }

    /// What a run makes.
    pub(crate) fn run(&self, project: &ProjectId, run: &RunId) -> RunFiles {
        RunFiles(self.project(project).join(run.to_string()))
    }

    /// A new name for the body of a request; the file goes when the value does.
    pub(crate) fn scratch(&self, randomness: &dyn Randomness) -> Scratch {
        let mut name = [0; hex::BYTES];
        randomness.fill(&mut name);
        Scratch(self.incoming().join(hex::text(&name)))
    }
}

/// The files of one run.
pub(crate) struct RunFiles(PathBuf);

impl RunFiles {
    /// The directory itself.
    pub(crate) fn directory(&self) -> &Path {
        &self.0
    }

    /// Pairs as they are found.
    pub(crate) fn raw(&self) -> PathBuf {
        self.0.join("raw")
    }

    /// Pairs in their order, each once.
    pub(crate) fn pairs(&self) -> PathBuf {
        self.0.join("pairs")
    }

    /// The result for whoever holds the result token.
    pub(crate) fn result(&self) -> PathBuf {
        self.0.join("result.json")
    }

    /// The result for whoever holds a party's receipt token.
    pub(crate) fn party_result(&self, party: usize) -> PathBuf {
        self.0.join(format!("result-{party}.json"))
    }

    /// Removes all of it.
    pub(crate) fn remove(&self) -> io::Result<()> {
        remove_dir(&self.0)
    }
}

/// A file that goes when the value does.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    /// The file of this name, if it is made.
    pub(crate) fn new(path: PathBuf) -> Self {
        Self(path)
    }

    /// Where it is.
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    /// A name beside it for something else of the same request.
    pub(crate) fn beside(&self, extension: &str) -> Self {
        Self(self.0.with_extension(extension))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // It may have been renamed, or never made.
        drop(std::fs::remove_file(&self.0));
    }
}

/// A file being written, which gets its name when it is whole and durable.
pub(crate) struct Draft {
    writer: BufWriter<File>,
    draft: PathBuf,
    name: PathBuf,
}

impl Draft {
    /// Starts the file that is to be `name`.
    pub(crate) fn new(name: PathBuf) -> io::Result<Self> {
        let draft = name.with_extension("draft");
        let file = File::create(&draft)?;
        Ok(Self {
            writer: BufWriter::with_capacity(BUFFER, file),
            draft,
            name,
        })
    }

    /// Gives it its name.
    pub(crate) fn finish(self) -> io::Result<()> {
        let file = self
            .writer
            .into_inner()
            .map_err(|error| error.into_error())?;
        file.sync_all()?;
        std::fs::rename(&self.draft, &self.name)?;
        self.name.parent().map_or(Ok(()), sync_dir)
    }
}

impl io::Write for Draft {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.writer.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.writer.flush()
    }
}

fn remove_dir(path: &Path) -> io::Result<()> {
    match std::fs::remove_dir_all(path) {
        Err(error) if error.kind() != io::ErrorKind::NotFound => Err(error),
        _ => Ok(()),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write as _;

    use super::*;

    #[test]
    fn only_files_of_known_projects_stay() {
        let dir = tempfile::tempdir().unwrap();
        let files = Files::open(dir.path()).unwrap();
        let [kept, gone]: [ProjectId; 2] = ["a", "b"].map(|it| it.repeat(48).parse().unwrap());
        for project in [&kept, &gone] {
            files.add_project(project).unwrap();
            std::fs::write(files.encodings(project, 0), b"x").unwrap();
        }
        std::fs::write(dir.path().join("incoming/cut-off"), b"x").unwrap();
        let files = Files::open(dir.path()).unwrap();
        files.sweep([kept].into_iter()).unwrap();
        assert!(files.encodings(&kept, 0).exists());
        assert!(!files.project(&gone).exists());
        assert!(!dir.path().join("incoming/cut-off").exists());
    }

    #[test]
    fn a_draft_has_its_name_only_when_it_is_whole() {
        let dir = tempfile::tempdir().unwrap();
        let name = dir.path().join("pairs");
        let mut draft = Draft::new(name.clone()).unwrap();
        draft.write_all(b"half").unwrap();
        draft.flush().unwrap();
        assert!(!name.exists());
        draft.finish().unwrap();
        assert_eq!(std::fs::read(&name).unwrap(), b"half");
    }
}
