//! Uploading a batch: open, resume, stream, and accept, over as many connections as it takes.

use std::io::{self, Read, Seek, SeekFrom};

use model::{BatchManifest, Digest, Progress};
use tokio::sync::{mpsc, watch};
use tokio::task::JoinHandle;
use tokio_stream::wrappers::ReceiverStream;

use super::retry::Attempts;
use super::{ClientError, NodeClient};
use crate::limits::{ACCEPT_TIMEOUT, CALL_TIMEOUT, STALL_TIMEOUT};
use crate::messages::UploadState;
use crate::proto::send_chunks_request::Part;
use crate::proto::{AcceptBatchRequest, Chunk, OpenBatchRequest, SendChunksRequest};
use crate::receipt::Receipt;

/// Chunks read ahead of the connection.
const CHUNKS_AHEAD: usize = 2;

impl NodeClient {
    /// Uploads the batch `source` holds and returns the receipt, checked. What the role already has is not
    /// sent again; a cut connection is made anew as [`super::Retry`] says. A batch accepted before
    /// gives its receipt again.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do.
    pub async fn upload<S: Read + Seek + Send + 'static>(
        &self,
        manifest: &BatchManifest,
        source: S,
        progress: &dyn Progress,
    ) -> Result<Receipt, ClientError> {
        manifest.check_limits().map_err(ClientError::Refused)?;
        progress.stage("upload", manifest.bytes);
        let mut upload = Upload {
            client: self,
            manifest,
            digest: manifest.digest(),
            source: Some(source),
            durable: 0,
            told: 0,
            progress,
        };
        let mut attempts = Attempts::new(self.retry);
        loop {
            match upload.attempt().await {
                Ok(receipt) => return Ok(receipt),
                Err(error) => attempts.after(error, upload.durable).await?,
            }
        }
    }
}

/// One upload over all its attempts.
struct Upload<'a, S> {
    client: &'a NodeClient,
    manifest: &'a BatchManifest,
    digest: Digest,
    /// Away while chunks are read on another thread.
    source: Option<S>,
    /// Chunks the role had when it was last asked. What was merely sent is no sign of getting
    /// further: it may have gone no farther than this machine's buffers.
    durable: u64,
    /// Bytes the progress was told of; after a cut some are sent twice, but told once.
    told: u64,
    progress: &'a dyn Progress,
}

impl<S: Read + Seek + Send + 'static> Upload<'_, S> {
    async fn attempt(&mut self) -> Result<Receipt, ClientError> {
        let state = self.open().await?;
        let chunks = self.manifest.chunks();
        if state.next_chunk > chunks {
            return Err(self.contradiction("that it has more chunks than the batch"));
        }
        self.durable = state.next_chunk;
        self.tell(state.next_chunk);
        if !state.accepted && state.next_chunk < chunks {
            let state = self.send_from(state.next_chunk).await?;
            if state.next_chunk != chunks {
                return Err(self.contradiction("that chunks are missing after all were sent"));
            }
        }
        self.accept().await
    }

    async fn open(&self) -> Result<UploadState, ClientError> {
        let manifest = Some(self.manifest.into());
        let mut intake = self.client.intake();
        let call = intake.open_batch(OpenBatchRequest { manifest });
        Ok(self.client.call(CALL_TIMEOUT, call).await?.try_into()?)
    }

    async fn accept(&self) -> Result<Receipt, ClientError> {
        let manifest_digest = self.digest.as_bytes().to_vec();
        let mut intake = self.client.intake();
        let call = intake.accept_batch(AcceptBatchRequest { manifest_digest });
        let receipt = Receipt::try_from(self.client.call(ACCEPT_TIMEOUT, call).await?)?;
        receipt.check(self.manifest)?;
        Ok(receipt)
    }

    async fn send_from(&mut self, first: u64) -> Result<UploadState, ClientError> {
        let missing = || ClientError::Source(io::Error::other("the reader stopped before"));
        let source = self.source.take().ok_or_else(missing)?;
        let (chunks, stream) = mpsc::channel(CHUNKS_AHEAD);
        let (sent, watched) = watch::channel(first);
        let feeder = Feeder {
            manifest: self.manifest.clone(),
            digest: self.digest,
            chunks,
            sent,
        };
        let feeding = tokio::task::spawn_blocking(move || feeder.feed(source, first));
        let answer = self.stream(ReceiverStream::new(stream), watched).await;
        // The stream is gone by now, so the feeder ends even when not all was sent.
        self.take_back(feeding).await?;
        answer
    }

    async fn stream(
        &mut self,
        stream: ReceiverStream<SendChunksRequest>,
        mut sent: watch::Receiver<u64>,
    ) -> Result<UploadState, ClientError> {
        let mut intake = self.client.intake();
        let call = intake.send_chunks(stream);
        tokio::pin!(call);
        loop {
            tokio::select! {
                answer = &mut call => {
                    let target = &self.client.target;
                    let answer = answer.map_err(|status| ClientError::answered(target, &status))?;
                    return Ok(answer.into_inner().try_into()?);
                }
                Ok(()) = sent.changed() => {
                    let chunks = *sent.borrow_and_update();
                    self.tell(chunks);
                }
                () = tokio::time::sleep(STALL_TIMEOUT) => {
                    return Err(ClientError::silent(&self.client.target));
                }
            }
        }
    }

    async fn take_back(
        &mut self,
        feeding: JoinHandle<(S, io::Result<()>)>,
    ) -> Result<(), ClientError> {
        let (source, fed) = feeding
            .await
            .map_err(|panic| ClientError::Source(io::Error::other(panic)))?;
        self.source = Some(source);
        fed.map_err(ClientError::Source)
    }

    /// Tells the progress that the first `chunks` chunks are on their way or there.
    fn tell(&mut self, chunks: u64) {
        let chunk_bytes = u64::from(self.manifest.chunk_bytes);
        let bytes = chunks.saturating_mul(chunk_bytes).min(self.manifest.bytes);
        if bytes > self.told {
            self.progress.advance(bytes - self.told);
            self.told = bytes;
        }
    }

    fn contradiction(&self, what: &'static str) -> ClientError {
        ClientError::contradiction(&self.client.target, what)
    }
}

/// Reads chunks on a thread that may block.
struct Feeder {
    manifest: BatchManifest,
    digest: Digest,
    chunks: mpsc::Sender<SendChunksRequest>,
    sent: watch::Sender<u64>,
}

impl Feeder {
    /// Reads from chunk `first` to the end, or until nobody takes chunks any more. The source is
    /// given back for the next attempt.
    fn feed<S: Read + Seek>(self, mut source: S, first: u64) -> (S, io::Result<()>) {
        let fed = self.feed_from(&mut source, first);
        (source, fed)
    }

    fn feed_from(&self, source: &mut (impl Read + Seek), first: u64) -> io::Result<()> {
        let start = first * u64::from(self.manifest.chunk_bytes);
        source.seek(SeekFrom::Start(start))?;
        let name = Part::ManifestDigest(self.digest.as_bytes().to_vec());
        let mut is_taken = self.send(name);
        for index in first..self.manifest.chunks() {
            if !is_taken {
                break;
            }
            is_taken = self.send(Part::Chunk(self.read(source, index)?));
            self.sent.send_replace(index + 1);
        }
        Ok(())
    }

    fn send(&self, part: Part) -> bool {
        let message = SendChunksRequest { part: Some(part) };
        self.chunks.blocking_send(message).is_ok()
    }

    fn read(&self, source: &mut impl Read, index: u64) -> io::Result<Chunk> {
        let len = self.manifest.chunk_len(index).unwrap_or(0);
        let mut content = vec![0; len as usize];
        source.read_exact(&mut content)?;
        let digest = Digest::of(&content);
        Ok(Chunk {
            index,
            content: content.into(),
            digest: digest.as_bytes().to_vec(),
        })
    }
}
