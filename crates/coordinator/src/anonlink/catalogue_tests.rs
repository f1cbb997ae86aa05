//! The catalogue: what is put into it comes out again, in order, also after it was opened anew.

use gateway::anonlink::{Party, ResultType};
use model::Digest;

use super::*;

fn open() -> (tempfile::TempDir, SqliteCatalogue) {
    let dir = tempfile::tempdir().unwrap();
    let catalogue = SqliteCatalogue::open(&dir.path().join("anonlink.db")).unwrap();
    (dir, catalogue)
}

fn id<T: std::str::FromStr<Err: std::fmt::Debug>>(digit: char) -> T {
    digit.to_string().repeat(48).parse().unwrap()
}

fn project(digit: char) -> Project {
    let party = Party {
        update_token: Digest::new([1; 32]),
        upload: None,
        staged: 7,
    };
    Project {
        id: id(digit),
        name: "n".into(),
        notes: String::new(),
        schema: r#"{"a": 1.0}"#.into(),
        result_type: ResultType::Permutations,
        uses_blocking: true,
        result_token: Digest::new([2; 32]),
        parties: vec![party.clone(), party],
        time_added: 5,
        error: None,
    }
}

fn run(digit: char, state: &str) -> Run {
    let record = serde_json::json!({
        "id": digit.to_string().repeat(48), "threshold": 0.1 + 0.2, "name": "", "notes": "",
        "state": state, "stage": "scores", "time_added": 3, "time_started": null,
        "time_completed": null, "comparisons": 9, "message": null,
        "checkpoint": {"tiles": 1, "comparisons": 2, "bytes": 3},
    });
    serde_json::from_value(record).unwrap()
}

fn listed(runs: &[Run]) -> Vec<ListedRun> {
    let listed = runs.iter().map(|run| ListedRun {
        id: run.id,
        time_added: run.time_added,
        state: run.state,
    });
    listed.collect()
}

fn add_runs(catalogue: &SqliteCatalogue, project: &ProjectId, added: &[Run]) {
    for run in added {
        let mut make = |_: &Project, _| Some(run.clone());
        assert!(catalogue.add_run(project, &mut make).unwrap());
    }
}

#[test]
fn projects_are_kept_and_counted_for_ever() {
    let (dir, catalogue) = open();
    let (one, two) = (project('a'), project('b'));
    catalogue.add(&one).unwrap();
    catalogue.add(&two).unwrap();
    assert!(catalogue.add(&one).is_err());
    assert!(catalogue.remove(&two.id).unwrap());
    assert!(!catalogue.remove(&two.id).unwrap());
    drop(catalogue);
    let again = SqliteCatalogue::open(&dir.path().join("anonlink.db")).unwrap();
    assert_eq!(again.find(&one.id).unwrap(), Some(one.clone()));
    assert_eq!(again.find(&two.id).unwrap(), None);
    let listed = Listed {
        id: one.id,
        time_added: 5,
    };
    assert_eq!(again.list().unwrap(), [listed]);
    assert_eq!(again.ever().unwrap(), 2);
}

#[test]
fn runs_keep_their_order_and_go_with_their_project() {
    let (_dir, catalogue) = open();
    let (one, two) = (project('a'), project('b'));
    catalogue.add(&one).unwrap();
    catalogue.add(&two).unwrap();
    let runs = [run('3', "queued"), run('1', "created"), run('2', "queued")];
    add_runs(&catalogue, &one.id, &runs);
    assert_eq!(catalogue.runs(&one.id).unwrap(), listed(&runs));
    assert_eq!(catalogue.find_run(&two.id, &runs[0].id).unwrap(), None);
    assert!(!catalogue.save_run(&two.id, &runs[0]).unwrap());
    assert!(!catalogue.remove_run(&two.id, &runs[0].id).unwrap());
    assert!(catalogue.remove_run(&one.id, &runs[0].id).unwrap());
    assert!(!catalogue.remove_run(&one.id, &runs[0].id).unwrap());
    assert_eq!(catalogue.runs(&one.id).unwrap(), listed(&runs[1..]));
    catalogue.remove(&one.id).unwrap();
    assert_eq!(catalogue.next_run().unwrap(), None);
    assert!(!catalogue.change(&one.id, &mut |_| {}).unwrap());
    let mut make = |_: &Project, _| Some(runs[0].clone());
    assert!(!catalogue.add_run(&one.id, &mut make).unwrap());
}

#[test]
fn runs_that_wait_are_changed_with_their_project_and_others_are_not_looked_at() {
    let (_dir, catalogue) = open();
    let (one, two) = (project('a'), project('b'));
    catalogue.add(&one).unwrap();
    catalogue.add(&two).unwrap();
    let runs = [
        run('1', "completed"),
        run('2', "created"),
        run('3', "created"),
    ];
    add_runs(&catalogue, &one.id, &runs);
    add_runs(&catalogue, &two.id, &[run('4', "created")]);
    let mut seen = Vec::new();
    let mut change = |project: &mut Project, runs: &mut [Run]| {
        seen.extend(runs.iter().map(|run| run.id));
        project.error = Some("e".into());
        runs[1].state = RunState::Queued;
    };
    assert!(catalogue.change_waiting(&one.id, &mut change).unwrap());
    assert_eq!(seen, [runs[1].id, runs[2].id]);
    let found = catalogue.find(&one.id).unwrap().unwrap();
    assert_eq!(found.error.as_deref(), Some("e"));
    let states = |project: &Project| -> Vec<RunState> {
        let runs = catalogue.runs(&project.id).unwrap();
        runs.iter().map(|run| run.state).collect()
    };
    use RunState::{Completed, Created, Queued};
    assert_eq!(states(&one), [Completed, Created, Queued]);
    assert_eq!(states(&two), [Created]);
}

#[test]
fn a_run_is_made_of_what_the_project_is() {
    let (_dir, catalogue) = open();
    let one = project('a');
    catalogue.add(&one).unwrap();
    add_runs(
        &catalogue,
        &one.id,
        &[run('1', "created"), run('2', "error")],
    );
    let mut counted = None;
    let mut make = |project: &Project, runs| {
        counted = Some((project.id, runs));
        None
    };
    assert!(catalogue.add_run(&one.id, &mut make).unwrap());
    assert_eq!(counted, Some((one.id, 2)));
    assert_eq!(catalogue.runs(&one.id).unwrap().len(), 2);
    let mut change = |project: &mut Project| project.parties[1].staged = 99;
    assert!(catalogue.change(&one.id, &mut change).unwrap());
    let found = catalogue.find(&one.id).unwrap().unwrap();
    assert_eq!(found.parties[1].staged, 99);
}

#[test]
fn what_was_begun_comes_first_and_then_what_waits_longest() {
    let (_dir, catalogue) = open();
    let one = project('a');
    catalogue.add(&one).unwrap();
    let runs = [
        "created",
        "completed",
        "queued",
        "queued",
        "running",
        "error",
    ];
    let runs: Vec<Run> = ('1'..)
        .zip(runs)
        .map(|(digit, state)| run(digit, state))
        .collect();
    add_runs(&catalogue, &one.id, &runs);
    let mut order = Vec::new();
    while let Some((project, mut run)) = catalogue.next_run().unwrap() {
        assert_eq!(project, one.id);
        order.push(run.id);
        run.state = RunState::Completed;
        assert!(catalogue.save_run(&project, &run).unwrap());
    }
    assert_eq!(order, [4, 2, 3].map(|at| runs[at].id));
}

#[test]
fn another_version_is_refused() {
    let (dir, catalogue) = open();
    lock(&catalogue.0)
        .pragma_update(None, "user_version", 9)
        .unwrap();
    drop(catalogue);
    let refused = SqliteCatalogue::open(&dir.path().join("anonlink.db"));
    assert!(refused.err().unwrap().to_string().contains("version 9"));
}
