//! Progress on standard error: bars on a terminal, elsewhere a line now and then.

use std::io::IsTerminal as _;
use std::sync::Mutex;
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use model::Progress;
use service::Lines;

/// How often a bar without known end moves.
const TICK: Duration = Duration::from_millis(120);

/// Who hears of progress: a person at a terminal, or whoever reads the lines later.
pub(super) fn listener() -> Box<dyn Progress + Send> {
    if std::io::stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::new(std::io::stderr()))
    }
}

/// One bar a stage.
#[derive(Default)]
struct Bars {
    current: Mutex<Option<ProgressBar>>,
}

impl Bars {
    fn with_current(&self, change: impl FnOnce(&mut Option<ProgressBar>)) {
        // A poisoned bar is still a bar.
        let mut current = self
            .current
            .lock()
            .unwrap_or_else(|poisoned| poisoned.into_inner());
        change(&mut current);
    }
}

impl Progress for Bars {
    fn stage(&self, name: &str, steps: u64) {
        let bar = bar(name, steps);
        self.with_current(|current| {
            if let Some(done) = current.replace(bar) {
                done.finish_and_clear();
            }
        });
    }

    fn advance(&self, steps: u64) {
        self.with_current(|current| {
            if let Some(bar) = current {
                bar.inc(steps);
            }
        });
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.with_current(|current| {
            if let Some(bar) = current.take() {
                bar.finish_and_clear();
            }
        });
    }
}

fn bar(name: &str, steps: u64) -> ProgressBar {
    let (bar, template) = if steps == 0 {
        (ProgressBar::new_spinner(), "{spinner} {msg} {human_pos}")
    } else {
        (
            ProgressBar::new(steps),
            "{msg} {bar:40} {percent}% {per_sec} {eta}",
        )
    };
    bar.enable_steady_tick(TICK);
    bar.set_message(name.to_owned());
    // The templates are fixed; a bar in the default style serves as well.
    bar.with_style(
        ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar()),
    )
}
