//! What a long-running program needs, whatever it does: configuration, logs, tasks, shutdown,
//! files that survive a power cut, and exit codes.

pub mod agreement;
pub mod bars;
pub mod config;
pub mod exit;
pub mod files;
pub mod lines;
pub mod logs;
pub mod shutdown;
pub mod stopwatch;
pub mod tasks;

pub use agreement::{AgreementFault, AgreementFiles, AgreementStore, Said};
pub use config::{ConfigError, ConfigFile};
pub use exit::Exit;
pub use files::DirLock;
pub use lines::Lines;
pub use shutdown::Shutdown;
pub use stopwatch::Stopwatch;
pub use tasks::{TaskError, Tasks};
