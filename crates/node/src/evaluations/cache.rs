//! What the key server gave, kept for the epoch so that nothing is asked for twice: one file a batch,
//! sealed under a key of the node's own.
//!
//! ```text
//! stream under a key derived from the node's secret, bound to project, epoch, party and public key
//! chunk = (input (16) | output (32))*
//! ```

use std::fs::{self, File};
use std::io::{self, BufReader};
use std::path::{Path, PathBuf};

use encode::{Input, Outputs};
use model::{Digest, Epoch, EvaluationKey};
use secret::sealed_stream::StreamError;
use secret::{Entropy, Key32, StreamReader, StreamWriter};
use service::files::create_dir_private;
use zeroize::Zeroizing;

use crate::error::NodeError;
use crate::files::{NewFile, io_error};
use crate::open::Node;
use crate::vault::VaultError;

/// Bytes of an input and its output.
const ENTRY_BYTES: usize = 48;

/// The outputs kept for one epoch and key.
pub(super) struct Cache {
    directory: PathBuf,
    key: Key32,
    context: Vec<u8>,
}

impl Cache {
    pub(super) fn of(
        node: &Node,
        epoch: Epoch,
        public_key: EvaluationKey,
    ) -> Result<Self, NodeError> {
        let config = &node.config;
        let (project, party) = (&config.project, &config.party);
        // Names hold no line breaks, so no two contexts read alike.
        let context = format!("symbolon evaluations v1\n{project}\n{epoch}\n{party}\n{public_key}");
        Ok(Self {
            directory: node.home.evaluations(epoch),
            key: node
                .secret()?
                .derive("evaluations", &[project.as_str().as_bytes()]),
            context: context.into_bytes(),
        })
    }

    /// All outputs that are there.
    pub(super) fn read(&self) -> Result<Outputs, NodeError> {
        let mut outputs = Outputs::default();
        let entries = match fs::read_dir(&self.directory) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(outputs),
            entries => entries.map_err(io_error("look into", &self.directory))?,
        };
        for entry in entries {
            let path = entry
                .map_err(io_error("look into", &self.directory))?
                .path();
            if path
                .extension()
                .is_some_and(|extension| extension == "sealed")
            {
                self.read_batch(&path, &mut outputs)?;
            }
        }
        Ok(outputs)
    }

    fn read_batch(&self, path: &Path, outputs: &mut Outputs) -> Result<(), VaultError> {
        let sealed = |source| sealed_error(path, source);
        let file = File::open(path).map_err(io_error("read", path))?;
        let file = BufReader::new(file);
        let mut reader = StreamReader::under_key(file, &self.key, &self.context).map_err(sealed)?;
        while let Some(chunk) = reader.next_chunk().map_err(sealed)? {
            let (entries, rest) = chunk.as_chunks::<ENTRY_BYTES>();
            if !rest.is_empty() {
                return Err(VaultError::Malformed(path.to_owned()));
            }
            for entry in entries {
                let mut input = Input::default();
                let mut output = [0; 32];
                input.copy_from_slice(&entry[..16]);
                output.copy_from_slice(&entry[16..]);
                outputs.insert(input, &mut output);
            }
        }
        Ok(())
    }

    /// Keeps the outputs of the batch with this digest.
    #[expect(
        clippy::disallowed_methods,
        reason = "outputs are kept under the node's own seal"
    )]
    pub(super) fn write(
        &self,
        batch: Digest,
        inputs: &[Input],
        outputs: &[Key32],
        entropy: &mut dyn Entropy,
    ) -> Result<(), NodeError> {
        create_dir_private(&self.directory).map_err(io_error("make", &self.directory))?;
        let path = self.directory.join(format!("{batch}.sealed"));
        let sealed = |source| sealed_error(&path, source);
        let mut chunk = Zeroizing::new(Vec::with_capacity(inputs.len() * ENTRY_BYTES));
        for (input, output) in inputs.iter().zip(outputs) {
            chunk.extend_from_slice(input);
            chunk.extend_from_slice(output.expose());
        }
        let file = NewFile::create(&path)?;
        let mut writer =
            StreamWriter::under_key(file, &self.key, &self.context, entropy).map_err(sealed)?;
        writer.write_chunk(&chunk).map_err(sealed)?;
        writer.finish().map_err(sealed)?.commit()?;
        Ok(())
    }
}

fn sealed_error(path: &Path, source: StreamError) -> VaultError {
    VaultError::Sealed {
        path: path.to_owned(),
        source,
    }
}
