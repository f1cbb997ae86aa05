//! Pages opened in a real browser, without a window.

use std::io;
use std::path::{Path, PathBuf};
use std::process::Command;

use crate::processes::Ran;

/// What the browser is called on one system or another.
const NAMES: [&str; 4] = [
    "chromium",
    "chromium-browser",
    "google-chrome",
    "google-chrome-stable",
];

/// A browser of the Chromium family.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Browser(PathBuf);

/// A page as the browser has it after it was opened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Opened {
    /// The document, written out.
    pub document: String,
    /// What the page made the browser complain of: scripts, styles or pictures that were refused.
    pub complaints: Vec<String>,
}

impl Browser {
    /// The browser of this machine, if it has one.
    pub fn find() -> Option<Self> {
        let path = std::env::var_os("PATH")?;
        let places = std::env::split_paths(&path);
        let mut files = places.flat_map(|place| NAMES.map(|name| place.join(name)));
        files.find(|file| file.is_file()).map(Self)
    }

    /// Opens the page in the file `page`.
    ///
    /// # Errors
    /// The browser's words when it fails.
    pub fn open(&self, page: &Path) -> io::Result<Opened> {
        let ran = self.run(
            page,
            &["--dump-dom", "--enable-logging=stderr", "--log-level=0"],
        )?;
        let complaints = ran.err.lines().filter(|line| line.contains("CONSOLE"));
        Ok(Opened {
            complaints: complaints.map(str::to_owned).collect(),
            document: ran.out,
        })
    }

    /// Draws the page in the file `page`, 1200 pixels wide and `height` high, into the file `to` (PNG).
    ///
    /// # Errors
    /// The browser's words when it fails.
    pub fn draw(&self, page: &Path, height: u32, to: &Path) -> io::Result<()> {
        let (size, to) = (format!("--window-size=1200,{height}"), to.display());
        self.run(page, &[&size, &format!("--screenshot={to}")])?;
        Ok(())
    }

    fn run(&self, page: &Path, arguments: &[&str]) -> io::Result<Ran> {
        let profile = tempfile::tempdir()?;
        let page = page.canonicalize()?;
        let mut command = Command::new(&self.0);
        command
            .args([
                "--headless",
                "--no-sandbox",
                "--disable-gpu",
                "--no-first-run",
            ])
            .arg(format!("--user-data-dir={}", profile.path().display()))
            .args(arguments)
            .arg(format!("file://{}", page.display()));
        let ran = Ran::of(&mut command)?;
        match ran.code {
            Some(0) => Ok(ran),
            _ => Err(io::Error::other(ran.err)),
        }
    }
}
