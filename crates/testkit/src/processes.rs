//! The programs as processes: built once, run to their end or killed in the middle.

use std::ffi::OsString;
use std::fs::File;
use std::io;
use std::net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// What `cargo test` tells a test about its own package; it means something else to another build.
const ABOUT_THE_TEST: [&str; 6] = [
    "CARGO_PKG_",
    "CARGO_MANIFEST_",
    "CARGO_BIN_",
    "CARGO_CRATE_",
    "CARGO_PRIMARY_",
    "CARGO_TARGET_TMPDIR",
];
/// Below the range the system takes ports from for outgoing connections, so that a port stays free
/// while the program that had it is started again.
const PORTS: std::ops::Range<u16> = 20_000..30_000;
/// About how many ports one run of the tests takes.
const PORTS_OF_A_PROCESS: usize = 64;
/// How often is looked whether a daemon listens, a tenth of a second apart.
const LOOKS: u32 = 600;

/// Where the programs are.
#[derive(Debug, Clone)]
pub struct Programs {
    directory: PathBuf,
}

impl Programs {
    /// Builds the programs of the workspace at `workspace` as the program at `built` was built, so
    /// that next to nothing is compiled twice.
    ///
    /// # Errors
    /// The compiler's words when it fails.
    pub fn build(cargo: &str, workspace: &Path, built: &Path) -> io::Result<Self> {
        let directory = built.parent().unwrap_or(workspace).to_owned();
        let target = directory.parent().unwrap_or(workspace);
        let mut command = Command::new(cargo);
        command
            .current_dir(workspace)
            // With the tests selected, dependencies have the features they have for the tests.
            .args([
                "build",
                "--quiet",
                "--offline",
                "--workspace",
                "--bins",
                "--tests",
            ])
            .arg("--target-dir")
            .arg(target);
        if directory.ends_with("release") {
            command.arg("--release");
        }
        let foreign = std::env::vars_os().map(|(name, _)| name);
        for name in foreign.filter(is_about_the_test) {
            command.env_remove(name);
        }
        let ran = Ran::of(&mut command)?;
        match ran.code {
            Some(0) => Ok(Self { directory }),
            _ => Err(io::Error::other(ran.err)),
        }
    }

    /// A command of the program of this name.
    pub fn command(&self, name: &str) -> Command {
        Command::new(self.directory.join(name))
    }
}

fn is_about_the_test(name: &OsString) -> bool {
    let name = name.to_string_lossy();
    ABOUT_THE_TEST.iter().any(|start| name.starts_with(start))
}

/// What a program said, and how it ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Ran {
    /// Its exit code; none when a signal ended it.
    pub code: Option<i32>,
    /// What it wrote to standard output.
    pub out: String,
    /// What it wrote to standard error.
    pub err: String,
}

impl Ran {
    /// Runs `command` to its end.
    ///
    /// # Errors
    /// The system's, when it cannot be started.
    pub fn of(command: &mut Command) -> io::Result<Self> {
        let output = command.stdin(Stdio::null()).output()?;
        let text = |bytes| String::from_utf8_lossy(bytes).into_owned();
        Ok(Self {
            code: output.status.code(),
            out: text(&output.stdout),
            err: text(&output.stderr),
        })
    }
}

/// A running program, killed when it is dropped. What it writes goes to a file.
#[derive(Debug)]
pub struct Running {
    child: Child,
}

impl Running {
    /// Starts `command`; what it writes is added to the file `words`.
    ///
    /// # Errors
    /// The system's, when it cannot be started.
    pub fn start(command: &mut Command, words: &Path) -> io::Result<Self> {
        let words = File::options().create(true).append(true).open(words)?;
        let child = command
            .stdin(Stdio::null())
            .stdout(words.try_clone()?)
            .stderr(words)
            .spawn()?;
        Ok(Self { child })
    }

    /// Ends it on the spot, as `kill -9` or a power cut does, and says how it had ended if it was
    /// faster.
    ///
    /// # Errors
    /// The system's.
    pub fn kill(mut self) -> io::Result<ExitStatus> {
        self.child.kill()?;
        self.child.wait()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system's.
    pub fn ended(&mut self) -> io::Result<Option<ExitStatus>> {
        self.child.try_wait()
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        drop(self.child.kill());
        drop(self.child.wait());
    }
}

/// Waits until something listens at `address`.
///
/// # Errors
/// When nothing does within a minute.
pub fn wait_for(address: SocketAddr) -> io::Result<()> {
    for _ in 0..LOOKS {
        if TcpStream::connect(address).is_ok() {
            return Ok(());
        }
        std::thread::sleep(Duration::from_millis(100));
    }
    let text = format!("nothing listens at {address}");
    Err(io::Error::new(io::ErrorKind::TimedOut, text))
}

/// The place in [`PORTS`] where this process looks next.
static NEXT: Mutex<Option<usize>> = Mutex::new(None);

/// Addresses on loopback that are free now and not handed out to others meanwhile. Where the search
/// begins depends on this process, so that two test runs at once do not meet; each search goes on
/// where the last one ended.
///
/// # Errors
/// When fewer are free.
pub fn free_addresses<const N: usize>() -> io::Result<[SocketAddr; N]> {
    let span = usize::from(PORTS.end - PORTS.start);
    let mut next = NEXT.lock().unwrap_or_else(PoisonError::into_inner);
    let start = next.unwrap_or(std::process::id() as usize * PORTS_OF_A_PROCESS % span);
    let ports = PORTS.cycle().skip(start).take(span).zip(start + 1..);
    let free: Vec<_> = ports
        .map(|(port, after)| (SocketAddr::from((Ipv4Addr::LOCALHOST, port)), after))
        .filter(|(address, _)| TcpListener::bind(address).is_ok())
        .take(N)
        .collect();
    *next = free.last().map(|(_, after)| after % span);
    let addresses: Vec<_> = free.into_iter().map(|(address, _)| address).collect();
    let none = |_| io::Error::from(io::ErrorKind::AddrNotAvailable);
    addresses.try_into().map_err(none)
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn a_program_is_run_to_its_end() {
        let ran = Ran::of(Command::new("sh").args(["-c", "echo a; echo b >&2; exit 3"])).unwrap();
        let expected = Ran {
            code: Some(3),
            out: "a\n".to_owned(),
            err: "b\n".to_owned(),
        };
        assert_eq!(ran, expected);
    }

    #[test]
    fn a_killed_program_has_no_exit_code() {
        let dir = tempfile::tempdir().unwrap();
        let words = dir.path().join("words");
        let mut running = Running::start(Command::new("sleep").arg("60"), &words).unwrap();
        assert!(running.ended().unwrap().is_none());
        assert_eq!(running.kill().unwrap().code(), None);
    }

    #[test]
    fn free_addresses_differ() {
        let [a, b, c] = free_addresses().unwrap();
        let [d] = free_addresses().unwrap();
        let distinct: HashSet<_> = [a, b, c, d].into();
        assert_eq!(distinct.len(), 4);
    }
}
