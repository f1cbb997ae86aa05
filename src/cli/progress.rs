//! Progress of long work: on a terminal one bar a stage, with rate and remaining time, elsewhere a line now and then.

use std::io::{IsTerminal as _, stderr};
use std::sync::Mutex;

use indicatif::{ProgressBar, ProgressStyle};
use model::Progress;
use service::Lines;

/// Who hears of progress on standard error.
pub(crate) fn listener() -> Box<dyn Progress> {
    if stderr().is_terminal() {
        Box::new(Bars::new())
    } else {
        Box::new(Lines::new(stderr()))
    }
}

/// Shows stages as bars.
struct Bars(Mutex<ProgressBar>);

impl Bars {
    fn new() -> Self {
        Self(Mutex::new(ProgressBar::hidden()))
    }

    fn with(&self, act: impl FnOnce(&mut ProgressBar)) {
        // A poisoned bar still only draws.
        act(&mut self
            .0
            .lock()
            .unwrap_or_else(std::sync::PoisonError::into_inner));
    }
}

impl Progress for Bars {
    fn stage(&self, name: &str, steps: u64) {
        self.with(|bar| {
            bar.finish_and_clear();
            *bar = if steps == 0 {
                ProgressBar::new_spinner()
            } else {
                ProgressBar::new(steps).with_style(style())
            };
            bar.set_message(name.to_owned());
        });
    }

    fn advance(&self, steps: u64) {
        self.with(|bar| bar.inc(steps));
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.with(|bar| bar.finish_and_clear());
    }
}

fn style() -> ProgressStyle {
    let template = "{msg:24} {wide_bar} {human_pos}/{human_len} {per_sec}, {eta} left";
    ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar())
}
