//! Every schema shown to a reader is one the programs take.

use std::fs;

use model::{Agreement, LinkageSchema};

use crate::setting::workspace;

#[test]
fn the_schemas_in_the_documentation_parse() {
    let text = fs::read_to_string(workspace().join("docs/linkage-schema.md")).unwrap();
    let blocks = text.split("\n```toml\n").skip(1);
    let blocks: Vec<&str> = blocks
        .filter_map(|rest| rest.split("\n```").next())
        .collect();
    assert!(!blocks.is_empty(), "no whole schema is shown");
    for block in blocks {
        let parsed = LinkageSchema::parse(block);
        assert!(parsed.is_ok(), "{:?} in:\n{block}", parsed.err());
    }
}

#[test]
fn the_schemas_of_the_examples_parse() {
    let mut parsed = 0;
    for example in fs::read_dir(workspace().join("examples")).unwrap() {
        for file in fs::read_dir(example.unwrap().path()).unwrap() {
            let path = file.unwrap().path();
            let name = path.file_name().unwrap().to_string_lossy();
            if name.ends_with(".toml") && !name.starts_with("agreement") {
                let schema = LinkageSchema::parse(&fs::read_to_string(&path).unwrap());
                assert!(schema.is_ok(), "{}: {:?}", path.display(), schema.err());
                parsed += 1;
            }
        }
    }
    assert!(parsed >= 2, "the examples have lost their schemas");
}

#[test]
fn the_sample_agreement_is_about_the_sample_schema() {
    let sample = workspace().join("examples/four-registries");
    let agreement = Agreement::parse(&fs::read(sample.join("agreement.toml")).unwrap()).unwrap();
    let schema = fs::read_to_string(sample.join("schema.toml")).unwrap();
    let schema = LinkageSchema::parse(&schema).unwrap();
    assert_eq!(
        (agreement.schema, agreement.profile),
        (schema.digest(), schema.profile)
    );
    let passes = schema.passes.iter().map(|pass| &pass.name);
    assert!(agreement.passes.iter().eq(passes));
    assert!(agreement.count_floor >= schema.release.count_floor);
    let parties = schema.parties.iter().map(|party| &party.name);
    assert!(
        agreement
            .custodians()
            .map(|member| &member.name)
            .eq(parties)
    );
}
