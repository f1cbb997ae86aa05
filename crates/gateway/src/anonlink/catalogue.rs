//! What the service needs of a database: projects and runs as they stand, changed one at a time.

use super::id::{ProjectId, RunId};
use super::project::Project;
use super::run::{Run, RunState};

/// Why the catalogue did not do what it was asked.
#[derive(Debug, thiserror::Error)]
#[error("the catalogue of projects failed: {0}")]
pub struct CatalogueError(#[source] pub Box<dyn std::error::Error + Send + Sync>);

/// A project in a listing.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Listed {
    /// Which.
    pub id: ProjectId,
    /// When it was made, in milliseconds since 1970.
    pub time_added: u64,
}

/// A run in a listing.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ListedRun {
    /// Which.
    pub id: RunId,
    /// When it was asked for, in milliseconds since 1970.
    pub time_added: u64,
    /// Where it stands.
    pub state: RunState,
}

/// Keeps projects and their runs. Every change is durable when its call returns, and whole: a crash
/// leaves all of it or nothing.
pub trait Catalogue: Send + Sync {
    /// Adds a project.
    ///
    /// # Errors
    /// [`CatalogueError`] when the medium fails, as for all that follow.
    fn add(&self, project: &Project) -> Result<(), CatalogueError>;

    /// The project, if there is one.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn find(&self, project: &ProjectId) -> Result<Option<Project>, CatalogueError>;

    /// All projects, oldest first.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn list(&self) -> Result<Vec<Listed>, CatalogueError>;

    /// How many projects were ever added.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn ever(&self) -> Result<u64, CatalogueError>;

    /// Forgets a project and its runs, and says whether there was one.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn remove(&self, project: &ProjectId) -> Result<bool, CatalogueError>;

    /// Changes a project, and says whether there is one.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn change(
        &self,
        project: &ProjectId,
        change: &mut dyn FnMut(&mut Project),
    ) -> Result<bool, CatalogueError>;

    /// Changes a project and, in the same step, those of its runs that wait for data. Says whether there
    /// is such a project.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn change_waiting(
        &self,
        project: &ProjectId,
        change: &mut dyn FnMut(&mut Project, &mut [Run]),
    ) -> Result<bool, CatalogueError>;

    /// Adds a run, if one is made of the project as it stands and the number of runs it has. Says whether
    /// there is such a project.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn add_run(
        &self,
        project: &ProjectId,
        make: &mut dyn FnMut(&Project, usize) -> Option<Run>,
    ) -> Result<bool, CatalogueError>;

    /// Forgets a run of a project, and says whether there was one.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn remove_run(&self, project: &ProjectId, run: &RunId) -> Result<bool, CatalogueError>;

    /// The runs of a project, oldest first.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn runs(&self, project: &ProjectId) -> Result<Vec<ListedRun>, CatalogueError>;

    /// A run of a project.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn find_run(&self, project: &ProjectId, run: &RunId) -> Result<Option<Run>, CatalogueError>;

    /// Saves how far a run is, and says whether it is still wanted.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn save_run(&self, project: &ProjectId, run: &Run) -> Result<bool, CatalogueError>;

    /// The run to compute next: one that was begun, or else the one that waits longest.
    ///
    /// # Errors
    /// As for [`Catalogue::add`].
    fn next_run(&self) -> Result<Option<(ProjectId, Run)>, CatalogueError>;
}
