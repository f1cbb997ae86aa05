//! What `symbolon link` can show of a linkage beside its result: the report page, and why single pairs
//! weigh what they weigh.

use std::path::{Path, PathBuf};

use anyhow::Context;
use clap::Args;

use crate::evaluation;
use crate::link_report::{PairName, People, Told, report_data};
use crate::outcome;
use crate::rehearsal::Linked;
use crate::report::{page, waterfall_svg};
use crate::truth::Truth;

/// What to show.
#[derive(Args)]
pub(super) struct ShowArguments {
    /// Write report.html there: one page that tells how the linkage went, with exact counts.
    #[arg(long, value_name = "DIR")]
    report: Option<PathBuf>,
    /// What is known of the people of the truth: columns person_id, culture, twin_set. For the report.
    #[arg(long, value_name = "FILE", requires = "truth")]
    persons: Option<PathBuf>,
    /// Say why two records were linked or not; may be given several times. With --report, drawings go
    /// to pair-1.svg and so on; they hold the record ids.
    #[arg(long, value_name = "SOURCE:RECORD_ID,SOURCE:RECORD_ID")]
    explain: Vec<PairName>,
}

impl ShowArguments {
    /// Prints and writes what was asked for; `truth` comes with the file it was read from.
    pub(super) fn show(
        &self,
        linked: &Linked,
        truth: Option<(&Truth, &Path)>,
    ) -> anyhow::Result<()> {
        let people =
            truth.map(|(truth, file)| People::read(linked, truth, file, self.persons.as_deref()));
        let people = people.transpose()?;
        if let Some((truth, _)) = truth {
            println!("{}", evaluation::completeness_in_words(linked, truth));
        }
        if let Some(dir) = &self.report {
            let quality = truth.map(|(truth, _)| evaluation::rows(&linked.assignments(), truth));
            let data = report_data(
                linked,
                people.as_ref(),
                quality.transpose()?.unwrap_or_default(),
            );
            std::fs::create_dir_all(dir)
                .with_context(|| format!("{} cannot be made", dir.display()))?;
            outcome::write_text(dir, "report.html", &page(&data))?;
            println!("report in {}", dir.join("report.html").display());
        }
        self.explain(linked)
    }

    fn explain(&self, linked: &Linked) -> anyhow::Result<()> {
        for (place, pair) in self.explain.iter().enumerate() {
            let told = Told::of(linked, pair)?;
            println!("\n{}", told.in_words());
            if let (Some(dir), Told::Compared(explanation)) = (&self.report, &told) {
                let name = format!("pair-{}.svg", place + 1);
                outcome::write_text(dir, &name, &waterfall_svg(explanation))?;
            }
        }
        Ok(())
    }
}
