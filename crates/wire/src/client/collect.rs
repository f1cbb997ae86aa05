//! Collecting results: header and pages, resumed after cuts and checked at the end.

use std::io;

use model::{Progress, RunNumber};
use tonic::Streaming;

use super::retry::Attempts;
use super::{ClientError, NodeClient};
use crate::convert::results::collect_part;
use crate::limits::CALL_TIMEOUT;
use crate::messages::{ResultsHeader, ResultsRow, RowsDigester};
use crate::proto::collect_response::Part;
use crate::proto::{CollectRequest, CollectResponse};

/// Keeps results as they come.
pub trait ResultsSink: Send {
    /// Totals, before any row. Called once.
    ///
    /// # Errors
    /// Any error ends the collecting.
    fn header(&mut self, header: &ResultsHeader) -> io::Result<()>;

    /// The next rows. They are known to be complete and undamaged only when
    /// [`NodeClient::collect`] has returned without error.
    ///
    /// # Errors
    /// Any error ends the collecting.
    fn rows(&mut self, rows: &[ResultsRow]) -> io::Result<()>;
}

impl NodeClient {
    /// Collects the party's results of `run`. Only the resolver has them. A cut connection is made
    /// anew as [`super::Retry`] says.
    ///
    /// # Errors
    /// A [`ClientError`] that says what to do; what the sink took is then to be thrown away.
    pub async fn collect(
        &self,
        run: RunNumber,
        sink: &mut dyn ResultsSink,
        progress: &dyn Progress,
    ) -> Result<ResultsHeader, ClientError> {
        let mut collecting = Collecting {
            client: self,
            run,
            sink,
            progress,
            header: None,
            digester: RowsDigester::new(),
        };
        let mut attempts = Attempts::new(self.retry);
        while let Err(error) = collecting.attempt().await {
            attempts.after(error, collecting.digester.rows()).await?;
        }
        collecting.finish()
    }
}

/// One collecting over all its attempts.
struct Collecting<'a> {
    client: &'a NodeClient,
    run: RunNumber,
    sink: &'a mut dyn ResultsSink,
    progress: &'a dyn Progress,
    header: Option<ResultsHeader>,
    digester: RowsDigester,
}

impl Collecting<'_> {
    async fn attempt(&mut self) -> Result<(), ClientError> {
        let request = CollectRequest {
            run: self.run.0,
            from_row: self.digester.rows(),
        };
        let mut results = self.client.results();
        let call = results.collect(request);
        let mut stream = self.client.call(CALL_TIMEOUT, call).await?;
        match self.next_part(&mut stream).await? {
            Some(Part::Header(header)) => self.take_header(header.try_into()?)?,
            _ => return Err(self.contradiction("without a header")),
        }
        while let Some(part) = self.next_part(&mut stream).await? {
            let Part::Page(page) = part else {
                return Err(self.contradiction("with a second header"));
            };
            self.take_rows(&Vec::<ResultsRow>::try_from(page)?)?;
        }
        Ok(())
    }

    async fn next_part(
        &self,
        stream: &mut Streaming<CollectResponse>,
    ) -> Result<Option<Part>, ClientError> {
        let message = self.client.next_message(stream).await?;
        Ok(message.map(collect_part).transpose()?)
    }

    fn take_header(&mut self, header: ResultsHeader) -> Result<(), ClientError> {
        if header.run != self.run {
            return Err(self.contradiction("with the results of another run"));
        }
        match &self.header {
            Some(first) if *first == header => Ok(()),
            Some(_) => Err(self.contradiction("with other results after the connection was cut")),
            None => {
                self.progress.stage("collect", header.rows);
                self.sink.header(&header).map_err(ClientError::Sink)?;
                self.header = Some(header);
                Ok(())
            }
        }
    }

    fn take_rows(&mut self, rows: &[ResultsRow]) -> Result<(), ClientError> {
        let promised = self.header.as_ref().map_or(0, |header| header.rows);
        if self.digester.rows() + rows.len() as u64 > promised {
            return Err(self.contradiction("with more rows than it promised"));
        }
        let fits = |row: &ResultsRow| {
            self.header
                .as_ref()
                .is_some_and(|header| row.fits(&header.rights))
        };
        if !rows.iter().all(fits) {
            return Err(self.contradiction("with rows that tell other things than its header says"));
        }
        self.sink.rows(rows).map_err(ClientError::Sink)?;
        rows.iter().for_each(|row| self.digester.add(row));
        self.progress.advance(rows.len() as u64);
        Ok(())
    }

    fn finish(self) -> Result<ResultsHeader, ClientError> {
        let target = &self.client.target;
        let Some(header) = self.header else {
            return Err(ClientError::contradiction(target, "without a header"));
        };
        if self.digester.rows() != header.rows || self.digester.finish() != header.rows_digest {
            let what = "with rows that are not those it promised";
            return Err(ClientError::contradiction(target, what));
        }
        Ok(header)
    }

    fn contradiction(&self, what: &'static str) -> ClientError {
        ClientError::contradiction(&self.client.target, what)
    }
}
