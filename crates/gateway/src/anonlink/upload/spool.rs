//! Bodies of requests go to a file before anything looks at them, so that memory does not grow with
//! them.

use std::io;
use std::path::Path;
use std::time::Duration;

use axum::body::Body;
use service::files::sync_dir;
use tokio::fs::OpenOptions;
use tokio::io::{AsyncSeekExt as _, AsyncWriteExt as _};
use tokio_stream::StreamExt as _;

/// How long a body may send nothing.
const SILENCE: Duration = Duration::from_secs(60);

/// Why a body did not come whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum SpoolError {
    #[error("the body has more than {0} bytes")]
    TooLarge(u64),
    #[error("the body stopped coming")]
    Stalled,
    #[error("the body was cut off: {0}")]
    Cut(axum::Error),
    #[error("the file has less than the {0} bytes that came before")]
    Lost(u64),
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Writes a body to the file at `path` from byte `start` on, where the file is cut first. Returns
/// where it ends; the bytes are durable then, also those of a body that was cut off. Where a write
/// failed nothing of the body counts, and where bytes before `start` are gone, nothing at all.
pub(crate) async fn spool(
    body: Body,
    path: &Path,
    start: u64,
    limit: u64,
) -> Result<u64, (u64, SpoolError)> {
    let mut end = start;
    let spooled = append(body, path, &mut end, limit).await;
    spooled.map(|()| end).map_err(|error| match error {
        // A write may be told as done before it fails.
        SpoolError::Io(_) => (start, error),
        SpoolError::Lost(_) => (0, error),
        _ => (end, error),
    })
}

async fn append(body: Body, path: &Path, end: &mut u64, limit: u64) -> Result<(), SpoolError> {
    let mut options = OpenOptions::new();
    options.create(true).write(true).truncate(false).mode(0o600);
    let mut file = options.open(path).await?;
    let start = *end;
    if file.metadata().await?.len() < start {
        return Err(SpoolError::Lost(start));
    }
    file.set_len(start).await?;
    file.seek(io::SeekFrom::Start(start)).await?;
    let mut pieces = body.into_data_stream();
    let received = loop {
        match tokio::time::timeout(SILENCE, pieces.next()).await {
            Err(_) => break Err(SpoolError::Stalled),
            Ok(None) => break Ok(()),
            Ok(Some(Err(error))) => break Err(SpoolError::Cut(error)),
            Ok(Some(Ok(piece))) => {
                let next = *end + piece.len() as u64;
                if next > limit {
                    break Err(SpoolError::TooLarge(limit));
                }
                file.write_all(&piece).await?;
                *end = next;
            }
        }
    };
    file.flush().await?;
    file.sync_data().await?;
    if start == 0 {
        sync_parent(path).await?;
    }
    received
}

/// Makes the name of a new file durable.
async fn sync_parent(path: &Path) -> io::Result<()> {
    let Some(parent) = path.parent().map(Path::to_path_buf) else {
        return Ok(());
    };
    let synced = tokio::task::spawn_blocking(move || sync_dir(&parent));
    synced.await.map_err(io::Error::other)?
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn pieces_are_put_one_after_the_other_up_to_the_limit() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("staged");
        assert_eq!(spool(Body::from("abcdef"), &path, 0, 10).await.unwrap(), 6);
        // The last two bytes were not counted before.
        assert_eq!(spool(Body::from("xyz"), &path, 4, 10).await.unwrap(), 7);
        assert_eq!(std::fs::read(&path).unwrap(), b"abcdxyz");
        let (end, error) = spool(Body::from("12345"), &path, 7, 10).await.unwrap_err();
        assert!(matches!(error, SpoolError::TooLarge(10)));
        assert_eq!(end, 7);
    }

    #[tokio::test]
    async fn bytes_that_are_gone_are_not_replaced_by_zeros() {
        let dir = tempfile::tempdir().unwrap();
        let path = dir.path().join("staged");
        assert_eq!(spool(Body::from("abc"), &path, 0, 10).await.unwrap(), 3);
        let (end, error) = spool(Body::from("xyz"), &path, 4, 10).await.unwrap_err();
        assert!(matches!(error, SpoolError::Lost(4)));
        assert_eq!(end, 0);
        assert_eq!(std::fs::read(&path).unwrap(), b"abc");
    }
}
