//! A key server in the process of a rehearsal: identifiers are blinded, evaluated with a proof and finished
//! by the code that nodes and key server run, under a key made from the rehearsal's seed.

use anyhow::{Context as _, ensure};
use encode::{EpochKeys, Input, InputReader, LinkageKey, Outputs};
use model::schema::FieldKind;
use model::{Epoch, LinkageSchema, Progress, ProjectName};
use oprf::{Blinding, MAX_ELEMENTS, ServerKey};
use rayon::prelude::*;
use records::ColumnPlan;
use secret::{Key32, SeededEntropy};
use sources::CsvFile;

use crate::rehearsal::{CHUNK, PartyFile};

/// The fields whose tokens take a key server, and what its key is made from.
pub(crate) struct KeyServer {
    fields: Vec<usize>,
    seed: u64,
}

impl KeyServer {
    /// One for these fields of `schema`, which hold identifiers or telephone numbers.
    pub(crate) fn of(schema: &LinkageSchema, names: &[String], seed: u64) -> anyhow::Result<Self> {
        let mut fields = Vec::new();
        for name in names {
            let mut known = schema.fields.iter().enumerate();
            let (place, field) = known
                .find(|(_, field)| field.name.as_str() == name)
                .with_context(|| format!("the schema has no field `{name}`"))?;
            let is_number = matches!(field.kind, FieldKind::Identifier | FieldKind::Phone);
            ensure!(
                is_number,
                "field `{name}` holds no identifiers or telephone numbers"
            );
            fields.push(place);
        }
        fields.sort_unstable();
        fields.dedup();
        Ok(Self { fields, seed })
    }

    /// One for all identifiers of `schema`; none where it has none.
    pub(crate) fn of_identifiers(schema: &LinkageSchema, seed: u64) -> Option<Self> {
        let fields = schema.fields.iter().enumerate();
        let fields = fields.filter(|(_, field)| field.kind == FieldKind::Identifier);
        let fields: Vec<usize> = fields.map(|(place, _)| place).collect();
        (!fields.is_empty()).then_some(Self { fields, seed })
    }

    /// The keys of a rehearsal's epoch, once every identifier in `files` is evaluated.
    pub(crate) fn keys(
        &self,
        linkage: &LinkageKey,
        project: &ProjectName,
        schema: &LinkageSchema,
        files: &[PartyFile],
        progress: &dyn Progress,
    ) -> anyhow::Result<EpochKeys> {
        let unserved = linkage.unserved_epoch(project, Epoch(1), schema, &self.fields);
        let mut inputs = Vec::new();
        for file in files {
            let plan = ColumnPlan::of(schema, file.party);
            let mut source = CsvFile::open(&file.path, &plan)?;
            let mut reader = InputReader::new(&unserved, schema, file.party, &plan);
            loop {
                let chunk = source.next_chunk(CHUNK)?;
                if chunk.is_empty() {
                    break;
                }
                chunk.iter().for_each(|raw| reader.read(raw));
            }
            inputs.extend(reader.finish());
        }
        inputs.sort_unstable();
        inputs.dedup();
        progress.stage("evaluate identifiers", inputs.len() as u64);
        let outputs = self.evaluate(&inputs, progress)?;
        Ok(unserved.serve(schema, outputs)?)
    }

    fn evaluate(&self, inputs: &[Input], progress: &dyn Progress) -> anyhow::Result<Outputs> {
        let seed = Key32::generate(&mut SeededEntropy::new(self.seed));
        let key = ServerKey::derive(&seed, b"rehearsal")?;
        let public = key.public();
        // As many batches as a node would send, or more where there are cores to spare.
        let batch = (inputs.len() / rayon::current_num_threads()).clamp(1, MAX_ELEMENTS);
        let batches = inputs
            .par_chunks(batch)
            .enumerate()
            .map(|(number, inputs)| {
                let entropy = &mut SeededEntropy::new(number as u64);
                let blinding = Blinding::of(inputs, entropy)?;
                let evaluation = key.evaluate(blinding.elements(), entropy)?;
                let outputs = blinding.finish(inputs, &evaluation, &public)?;
                progress.advance(inputs.len() as u64);
                anyhow::Ok((inputs, outputs))
            });
        let mut all = Outputs::default();
        for (inputs, outputs) in batches.collect::<Result<Vec<_>, _>>()? {
            for (input, output) in inputs.iter().zip(outputs) {
                all.insert(*input, &mut bytes(&output));
            }
        }
        Ok(all)
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "what is kept of an output within the process"
)]
fn bytes(output: &Key32) -> [u8; 32] {
    *output.expose()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::evaluation;
    use crate::rehearsal::{Linked, Rehearsal};
    use crate::truth::Truth;
    use model::Silent;
    use std::path::Path;
    use testkit::country::{CountrySpec, ErrorLevel, generate};

    const SCHEMA: &str = include_str!("../examples/four-registries/schema-with-national-id.toml");

    fn schema() -> LinkageSchema {
        LinkageSchema::parse(SCHEMA).unwrap()
    }

    fn linked(dir: &Path, is_served: bool, clear: bool) -> Linked {
        let file = |(party, own): (usize, &model::schema::Party)| PartyFile {
            party: model::PartyIndex(party as u8),
            label: own.name.to_string(),
            path: dir.join(format!("{}.csv", own.name)),
        };
        let files: Vec<_> = schema().parties.iter().enumerate().map(file).collect();
        let mut rehearsal = Rehearsal::new(schema(), 1);
        if is_served {
            let server = KeyServer::of_identifiers(&schema(), 2).unwrap();
            rehearsal = rehearsal.with_key_server(server);
        }
        if clear {
            rehearsal = rehearsal.on_clear_values().unwrap();
        }
        rehearsal.run(&files, &Silent).unwrap()
    }

    /// The records of each cluster, by their names.
    fn clusters(linked: &Linked) -> Vec<Vec<(String, String)>> {
        let mut clusters = std::collections::BTreeMap::<u32, Vec<_>>::new();
        for record in &linked.records {
            let own = (record.label.clone(), record.record_id.clone());
            let place = record.number.map(|number| number as usize);
            let cluster = place.map(|place| linked.resolution.cluster_of[place]);
            clusters
                .entry(cluster.unwrap_or(u32::MAX))
                .or_default()
                .push(own);
        }
        let mut clusters: Vec<_> = clusters.into_values().collect();
        clusters.sort();
        clusters
    }

    /// Which pairs meet does not depend on a key, so with clear similarities nothing does; the signatures'
    /// own randomness does, so with them links are the same within noise.
    #[test]
    fn a_key_server_changes_no_pair_and_with_clear_values_no_link() {
        let dir = tempfile::tempdir().unwrap();
        let spec = CountrySpec {
            persons: 200,
            level: ErrorLevel::Moderate,
            seed: 5,
        };
        generate(&spec).write_to(dir.path(), false).unwrap();
        let [without, with] = [false, true].map(|served| linked(dir.path(), served, true));
        assert_eq!(with.matched, without.matched);
        assert_eq!(clusters(&with), clusters(&without));
        let [without, with] = [false, true].map(|served| linked(dir.path(), served, false));
        assert_eq!(with.matched, without.matched);
        let truth = Truth::read(&dir.path().join("truth.csv")).unwrap();
        let f1 = |own: &Linked| {
            let quality = evaluation::overall(&own.assignments(), &truth);
            quality.unwrap().f1()
        };
        let (without, with) = (f1(&without), f1(&with));
        assert!((with - without).abs() < 0.02, "{with} {without}");
    }

    #[test]
    fn only_identifiers_of_the_schema_go_through_it() {
        let of = |name: &str| KeyServer::of(&schema(), &[name.to_owned()], 1);
        assert!(of("national_id").is_ok());
        assert!(of("given").is_err() && of("nothing").is_err());
    }
}
