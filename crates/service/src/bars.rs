//! Progress of long work for people: on a terminal one bar a stage, with rate and remaining time, elsewhere a line now and
//! then.

use std::io::{IsTerminal as _, stderr};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use indicatif::{ProgressBar, ProgressStyle};
use model::Progress;

use crate::Lines;

/// How often a bar moves of itself.
const TICK: Duration = Duration::from_millis(120);

/// Who hears of progress on standard error: a person at a terminal, or whoever reads the lines later.
pub fn listener() -> Box<dyn Progress + Send> {
    if stderr().is_terminal() {
        Box::new(Bars::default())
    } else {
        Box::new(Lines::new(stderr()))
    }
}

/// One bar a stage.
#[derive(Default)]
struct Bars(Mutex<Option<ProgressBar>>);

impl Bars {
    /// Puts another bar in the place of the one that is there.
    fn turn_to(&self, next: Option<ProgressBar>) {
        // A poisoned bar still only draws.
        let mut bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(done) = std::mem::replace(&mut *bar, next) {
            done.finish_and_clear();
        }
    }
}

impl Progress for Bars {
    fn stage(&self, name: &str, steps: u64) {
        self.turn_to(Some(bar(name, steps)));
    }

    fn advance(&self, steps: u64) {
        let bar = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bar) = &*bar {
            bar.inc(steps);
        }
    }
}

impl Drop for Bars {
    fn drop(&mut self) {
        self.turn_to(None);
    }
}

fn bar(name: &str, steps: u64) -> ProgressBar {
    let (bar, template) = if steps == 0 {
        let template = "{spinner} {msg:24} {human_pos} {per_sec}";
        (ProgressBar::new_spinner(), template)
    } else {
        let template = "{msg:24} {wide_bar} {human_pos}/{human_len} {per_sec}, {eta} left";
        (ProgressBar::new(steps), template)
    };
    bar.enable_steady_tick(TICK);
    bar.set_message(name.to_owned());
    // The templates are fixed; a bar in the default style serves as well.
    let style = ProgressStyle::with_template(template);
    bar.with_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_follow_one_another_and_the_last_goes_with_its_listener() {
        let bars = Bars::default();
        bars.advance(1);
        bars.stage("read", 0);
        bars.advance(3);
        let read = bars.0.lock().unwrap().clone().unwrap();
        assert_eq!((read.position(), read.length()), (3, None));
        bars.stage("compare", 10);
        assert!(read.is_finished());
        bars.advance(4);
        let compare = bars.0.lock().unwrap().clone().unwrap();
        assert_eq!((compare.position(), compare.length()), (4, Some(10)));
        drop(bars);
        assert!(compare.is_finished());
    }
}
