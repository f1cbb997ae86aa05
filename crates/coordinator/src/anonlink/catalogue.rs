//! Projects and runs of the anonlink service in SQLite: a row each, with what is looked up in columns
//! and the rest as JSON that only the service reads.

use std::path::Path;
use std::sync::Mutex;
use std::time::Duration;

use gateway::anonlink::{
    Catalogue, CatalogueError, Listed, ListedRun, Project, ProjectId, Run, RunId, RunState,
};
use rusqlite::{Connection, OptionalExtension as _, Row, params};
use serde::de::DeserializeOwned;

use crate::sync::lock;

const VERSION: i64 = 1;
/// How long a reader waits for a writer in another program.
const BUSY: Duration = Duration::from_secs(5);
/// Numbers of projects are never used twice, so the largest tells how many there ever were.
const TABLES: &str = "
    CREATE TABLE project (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        time_added INTEGER NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE TABLE run (
        sequence INTEGER PRIMARY KEY AUTOINCREMENT,
        id TEXT NOT NULL UNIQUE,
        project TEXT NOT NULL REFERENCES project (id) ON DELETE CASCADE,
        state TEXT NOT NULL,
        record TEXT NOT NULL
    ) STRICT;
    CREATE INDEX run_of_project ON run (project);
    CREATE INDEX run_in_state ON run (state);
    PRAGMA user_version = 1;
";

/// The catalogue.
pub(super) struct SqliteCatalogue(Mutex<Connection>);

/// Why the database did not do what it was asked.
#[derive(Debug, thiserror::Error)]
enum Failure {
    #[error(transparent)]
    Database(#[from] rusqlite::Error),
    #[error("a stored record cannot be read back")]
    Damaged(#[from] serde_json::Error),
    #[error(
        "the database has version {0}, this program needs {VERSION}; use the program that made it"
    )]
    Version(i64),
}

impl SqliteCatalogue {
    /// Opens the catalogue at `path`, or makes it.
    pub(super) fn open(path: &Path) -> Result<Self, CatalogueError> {
        told(connect(path)).map(|database| Self(Mutex::new(database)))
    }
}

fn connect(path: &Path) -> Result<Connection, Failure> {
    let database = Connection::open(path)?;
    database.busy_timeout(BUSY)?;
    database.pragma_update(None, "journal_mode", "WAL")?;
    database.pragma_update(None, "synchronous", "FULL")?;
    database.pragma_update(None, "foreign_keys", true)?;
    match database.pragma_query_value(None, "user_version", |row| row.get(0))? {
        0 => database.execute_batch(&format!("BEGIN; {TABLES} COMMIT;"))?,
        VERSION => {}
        other => return Err(Failure::Version(other)),
    }
    Ok(database)
}

fn told<T>(result: Result<T, Failure>) -> Result<T, CatalogueError> {
    result.map_err(|failure| CatalogueError(Box::new(failure)))
}

impl Catalogue for SqliteCatalogue {
    fn add(&self, project: &Project) -> Result<(), CatalogueError> {
        told(insert_project(&lock(&self.0), project))
    }

    fn find(&self, project: &ProjectId) -> Result<Option<Project>, CatalogueError> {
        told(find_project(&lock(&self.0), project))
    }

    fn list(&self) -> Result<Vec<Listed>, CatalogueError> {
        told(list(&lock(&self.0)))
    }

    fn ever(&self) -> Result<u64, CatalogueError> {
        let query = "SELECT coalesce(max(seq), 0) FROM sqlite_sequence WHERE name = 'project'";
        let ever = lock(&self.0).query_row(query, [], |row| row.get::<_, i64>(0));
        told(ever.map(|ever| ever as u64).map_err(Failure::from))
    }

    fn remove(&self, project: &ProjectId) -> Result<bool, CatalogueError> {
        let database = lock(&self.0);
        let removed = database.execute(
            "DELETE FROM project WHERE id = ?1",
            params![project.to_string()],
        );
        told(removed.map(|rows| rows == 1).map_err(Failure::from))
    }

    fn change(
        &self,
        project: &ProjectId,
        change: &mut dyn FnMut(&mut Project),
    ) -> Result<bool, CatalogueError> {
        told(in_project(&self.0, project, |_, found| {
            change(found);
            Ok(())
        }))
    }

    fn change_waiting(
        &self,
        project: &ProjectId,
        change: &mut dyn FnMut(&mut Project, &mut [Run]),
    ) -> Result<bool, CatalogueError> {
        told(in_project(&self.0, project, |database, found| {
            let mut runs = waiting_runs(database, project)?;
            change(found, &mut runs);
            let mut saved = runs.iter().map(|run| update_run(database, project, run));
            saved.try_for_each(|saved| saved.map(drop))
        }))
    }

    fn add_run(
        &self,
        project: &ProjectId,
        make: &mut dyn FnMut(&Project, usize) -> Option<Run>,
    ) -> Result<bool, CatalogueError> {
        told(in_project(&self.0, project, |database, found| {
            match make(found, count_runs(database, project)?) {
                Some(run) => insert_run(database, project, &run),
                None => Ok(()),
            }
        }))
    }

    fn remove_run(&self, project: &ProjectId, run: &RunId) -> Result<bool, CatalogueError> {
        let query = "DELETE FROM run WHERE id = ?1 AND project = ?2";
        let values = params![run.to_string(), project.to_string()];
        let removed = lock(&self.0).execute(query, values);
        told(removed.map(|rows| rows == 1).map_err(Failure::from))
    }

    fn runs(&self, project: &ProjectId) -> Result<Vec<ListedRun>, CatalogueError> {
        told(list_runs(&lock(&self.0), project))
    }

    fn find_run(&self, project: &ProjectId, run: &RunId) -> Result<Option<Run>, CatalogueError> {
        let query = "SELECT record FROM run WHERE id = ?1 AND project = ?2";
        let values = params![run.to_string(), project.to_string()];
        told(record(&lock(&self.0), query, values))
    }

    fn save_run(&self, project: &ProjectId, run: &Run) -> Result<bool, CatalogueError> {
        told(update_run(&lock(&self.0), project, run))
    }

    fn next_run(&self) -> Result<Option<(ProjectId, Run)>, CatalogueError> {
        told(next_run(&lock(&self.0)))
    }
}

fn insert_project(database: &Connection, project: &Project) -> Result<(), Failure> {
    database.execute(
        "INSERT INTO project (id, time_added, record) VALUES (?1, ?2, ?3)",
        params![
            project.id.to_string(),
            project.time_added as i64,
            serde_json::to_string(project)?
        ],
    )?;
    Ok(())
}

fn find_project(database: &Connection, project: &ProjectId) -> Result<Option<Project>, Failure> {
    let query = "SELECT record FROM project WHERE id = ?1";
    record(database, query, params![project.to_string()])
}

fn list(database: &Connection) -> Result<Vec<Listed>, Failure> {
    let mut statement =
        database.prepare_cached("SELECT id, time_added FROM project ORDER BY sequence")?;
    let rows = statement.query_map([], |row| Ok((row.get(0)?, row.get::<_, i64>(1)?)))?;
    let listed = |row: rusqlite::Result<(String, i64)>| {
        let (id, time_added) = row?;
        Ok(Listed {
            id: serde_json::from_value(id.into())?,
            time_added: time_added as u64,
        })
    };
    rows.map(listed).collect()
}

/// Does something about a project in one transaction, and saves the project as it is then. Says whether
/// there is one.
fn in_project(
    database: &Mutex<Connection>,
    project: &ProjectId,
    work: impl FnOnce(&Connection, &mut Project) -> Result<(), Failure>,
) -> Result<bool, Failure> {
    let mut database = lock(database);
    let transaction = database.transaction()?;
    let Some(before) = find_project(&transaction, project)? else {
        return Ok(false);
    };
    let mut after = before.clone();
    work(&transaction, &mut after)?;
    if after != before {
        transaction.execute(
            "UPDATE project SET record = ?2 WHERE id = ?1",
            params![project.to_string(), serde_json::to_string(&after)?],
        )?;
    }
    transaction.commit()?;
    Ok(true)
}

fn count_runs(database: &Connection, project: &ProjectId) -> Result<usize, Failure> {
    let mut statement = database.prepare_cached("SELECT count(*) FROM run WHERE project = ?1")?;
    let count: i64 = statement.query_row(params![project.to_string()], |row| row.get(0))?;
    Ok(count as usize)
}

fn insert_run(database: &Connection, project: &ProjectId, run: &Run) -> Result<(), Failure> {
    database.execute(
        "INSERT INTO run (id, project, state, record) VALUES (?1, ?2, ?3, ?4)",
        params![
            run.id.to_string(),
            project.to_string(),
            name(run.state),
            serde_json::to_string(run)?
        ],
    )?;
    Ok(())
}

fn update_run(database: &Connection, project: &ProjectId, run: &Run) -> Result<bool, Failure> {
    let mut statement = database
        .prepare_cached("UPDATE run SET state = ?3, record = ?4 WHERE id = ?1 AND project = ?2")?;
    let updated = statement.execute(params![
        run.id.to_string(),
        project.to_string(),
        name(run.state),
        serde_json::to_string(run)?
    ])?;
    Ok(updated == 1)
}

fn name(state: RunState) -> &'static str {
    match state {
        RunState::Created => "created",
        RunState::Queued => "queued",
        RunState::Running => "running",
        RunState::Completed => "completed",
        RunState::Error => "error",
    }
}

fn waiting_runs(database: &Connection, project: &ProjectId) -> Result<Vec<Run>, Failure> {
    let mut statement = database.prepare_cached(
        "SELECT record FROM run WHERE project = ?1 AND state = 'created' ORDER BY sequence",
    )?;
    let rows = statement.query_map(params![project.to_string()], text)?;
    rows.map(|row| Ok(serde_json::from_str(&row?)?)).collect()
}

/// Without names and notes, which may be long.
fn list_runs(database: &Connection, project: &ProjectId) -> Result<Vec<ListedRun>, Failure> {
    let mut statement = database.prepare_cached(
        "SELECT id, json_extract(record, '$.time_added'), state FROM run \
         WHERE project = ?1 ORDER BY sequence",
    )?;
    let columns = |row: &Row<'_>| Ok((row.get(0)?, row.get::<_, i64>(1)?, row.get(2)?));
    let rows = statement.query_map(params![project.to_string()], columns)?;
    let listed = |row: rusqlite::Result<(String, i64, String)>| {
        let (id, time_added, state) = row?;
        Ok(ListedRun {
            id: serde_json::from_value(id.into())?,
            time_added: time_added as u64,
            state: serde_json::from_value(state.into())?,
        })
    };
    rows.map(listed).collect()
}

fn next_run(database: &Connection) -> Result<Option<(ProjectId, Run)>, Failure> {
    let mut statement = database.prepare_cached(
        "SELECT project, record FROM run WHERE state IN ('running', 'queued') \
         ORDER BY state = 'running' DESC, sequence LIMIT 1",
    )?;
    let next = statement.query_row([], |row| Ok((row.get(0)?, row.get(1)?)));
    let next: Option<(String, String)> = next.optional()?;
    next.map(|(project, record)| {
        let project = serde_json::from_value(project.into())?;
        Ok((project, serde_json::from_str(&record)?))
    })
    .transpose()
}

fn record<T: DeserializeOwned>(
    database: &Connection,
    query: &str,
    values: &[&dyn rusqlite::ToSql],
) -> Result<Option<T>, Failure> {
    let mut statement = database.prepare_cached(query)?;
    let found = statement.query_row(values, text).optional()?;
    Ok(found.map(|text| serde_json::from_str(&text)).transpose()?)
}

fn text(row: &Row<'_>) -> rusqlite::Result<String> {
    row.get(0)
}

#[cfg(test)]
#[path = "catalogue_tests.rs"]
mod tests;
