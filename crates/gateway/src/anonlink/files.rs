//! Where bulk data lie: encodings, block rows, pairs and results, in flat files that appear under
//! their name when they are whole.
//!
//! ```text
//! projects/<project>/party-<i>.clks      encodings, one after the other
//! projects/<project>/party-<i>.blocks    block digest and record, sorted
//! projects/<project>/party-<i>.staged    an upload in pieces, as far as it has come
//! projects/<project>/<run>/              raw pairs, sorted pairs, results
//! incoming/                              bodies of requests under way, and what is being removed
//! ```

use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::io::{self, BufWriter};
use std::path::{Path, PathBuf};

use service::files::{create_dir_private, sync_dir};

use super::hex;
use super::id::{ProjectId, RunId};
use super::run::RunState;
use super::{ListedRun, Randomness};

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

    /// Removes from a project what belongs to none of its runs, and from runs that are over all but
    /// their results.
    pub(crate) fn sweep_runs(&self, project: &ProjectId, runs: &[ListedRun]) -> io::Result<()> {
        let known = runs.iter().map(|run| (run.id.to_string(), run.state));
        let known: HashMap<String, RunState> = known.collect();
        for entry in entries(&self.project(project))? {
            if !entry.file_type()?.is_dir() {
                continue;
            }
            let name = entry.file_name();
            match name.to_str().and_then(|name| known.get(name)) {
                None | Some(RunState::Error) => remove_dir(&entry.path())?,
                Some(RunState::Completed) => RunFiles(entry.path()).tidy()?,
                Some(_) => {}
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
    pub(crate) fn remove_project(
        &self,
        project: &ProjectId,
        randomness: &dyn Randomness,
    ) -> io::Result<()> {
        self.discard(&self.project(project), randomness)
    }

    /// Removes all of a run.
    pub(crate) fn remove_run(
        &self,
        project: &ProjectId,
        run: &RunId,
        randomness: &dyn Randomness,
    ) -> io::Result<()> {
        self.discard(self.run(project, run).directory(), randomness)
    }

    /// Takes a directory away in one step, so that nobody writes into it any more, and then removes it.
    /// What a kill leaves goes when the service is opened.
    fn discard(&self, directory: &Path, randomness: &dyn Randomness) -> io::Result<()> {
        let gone = self.scratch(randomness);
        match std::fs::rename(directory, gone.path()) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            Err(error) => Err(error),
            Ok(()) => remove_dir(gone.path()),
        }
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

    /// Removes all but results.
    pub(crate) fn tidy(&self) -> io::Result<()> {
        for entry in entries(&self.0)? {
            let name = entry.file_name();
            let name = name.to_str().unwrap_or_default();
            if !(name.starts_with("result") && name.ends_with(".json")) {
                std::fs::remove_file(entry.path())?;
            }
        }
        Ok(())
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

/// What is in a directory, if it is there.
fn entries(path: &Path) -> io::Result<Vec<std::fs::DirEntry>> {
    match std::fs::read_dir(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(Vec::new()),
        found => found?.collect(),
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

    struct Zeros;

    impl Randomness for Zeros {
        fn fill(&self, out: &mut [u8]) {
            out.fill(0);
        }
    }

    /// Files of a project with a run for each of some states, and one nobody knows.
    fn with_runs(dir: &Path, states: &[RunState]) -> (Files, ProjectId, Vec<ListedRun>) {
        let files = Files::open(dir).unwrap();
        let project = "a".repeat(48).parse().unwrap();
        let listed = |(digit, state): (char, &RunState)| ListedRun {
            id: digit.to_string().repeat(48).parse().unwrap(),
            time_added: 0,
            state: *state,
        };
        let runs: Vec<ListedRun> = ('1'..).zip(states).map(listed).collect();
        let stray = "f".repeat(48).parse().unwrap();
        for run in runs.iter().map(|run| &run.id).chain([&stray]) {
            let files = files.run(&project, run);
            create_dir_private(files.directory()).unwrap();
            for name in ["raw", "pairs", "piece-3", "result.draft", "result.json"] {
                std::fs::write(files.directory().join(name), b"x").unwrap();
            }
        }
        std::fs::write(files.encodings(&project, 0), b"x").unwrap();
        (files, project, runs)
    }

    #[test]
    fn runs_that_are_over_keep_results_only() {
        let dir = tempfile::tempdir().unwrap();
        let states = [RunState::Running, RunState::Completed, RunState::Error];
        let (files, project, runs) = with_runs(dir.path(), &states);
        files.sweep_runs(&project, &runs).unwrap();
        let count = |run: &ListedRun| {
            let files = files.run(&project, &run.id);
            entries(files.directory()).unwrap().len()
        };
        assert_eq!(runs.iter().map(count).collect::<Vec<_>>(), [5, 1, 0]);
        assert!(files.run(&project, &runs[1].id).result().exists());
        // Two runs and the encodings: the stray one is gone.
        assert_eq!(entries(&files.project(&project)).unwrap().len(), 3);
    }

    #[test]
    fn what_is_removed_leaves_nothing_behind() {
        let dir = tempfile::tempdir().unwrap();
        let (files, project, runs) = with_runs(dir.path(), &[RunState::Completed]);
        files.remove_run(&project, &runs[0].id, &Zeros).unwrap();
        assert!(!files.run(&project, &runs[0].id).directory().exists());
        files.remove_project(&project, &Zeros).unwrap();
        files.remove_project(&project, &Zeros).unwrap();
        assert!(!files.project(&project).exists());
        assert!(entries(&files.incoming()).unwrap().is_empty());
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
