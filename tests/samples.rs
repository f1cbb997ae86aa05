//! Every schema shown to a reader is one the programs take.

use std::fs;

use model::LinkageSchema;

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
            if path
                .extension()
                .is_some_and(|extension| extension == "toml")
            {
                let schema = LinkageSchema::parse(&fs::read_to_string(&path).unwrap());
                assert!(schema.is_ok(), "{}: {:?}", path.display(), schema.err());
                parsed += 1;
            }
        }
    }
    assert!(parsed >= 2, "the examples have lost their schemas");
}
