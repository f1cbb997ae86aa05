//! The standard passes: what a schema without `[[pass]]` blocks on. They follow from the kinds of its
//! fields alone, so that schemas of different registries differ in columns only.
//!
//! Each pass leaves out what another needs, so that a record with a wrong date, a changed surname or
//! a move still meets its like in one of them; each puts together enough to keep blocks small.

use super::{Field, FieldKind, raw};

/// The passes for `fields`, of which `own_name` is the person's own whole name; empty when the fields
/// do not say enough of a person.
pub(super) fn passes(fields: &[Field], own_name: Option<usize>) -> Vec<raw::Pass> {
    let parts = Parts::of(fields, own_name);
    let mut passes = Passes(Vec::new());
    passes.by_date(&parts);
    passes.by_area(&parts);
    passes.by_people(&parts);
    passes.by_numbers(&parts);
    passes.0
}

/// What a schema has to block on, as the text of components.
struct Parts<'a> {
    /// Two words of the name together.
    pair: Option<Vec<String>>,
    /// One word of the name, each way it can be had.
    any: Vec<String>,
    date: Option<&'a str>,
    /// The unit a person lives in: what lies around the finest place.
    area: Option<String>,
    /// Whole names of other people.
    people: Vec<&'a str>,
    phones: Vec<&'a str>,
    identifiers: Vec<&'a str>,
    addresses: Vec<&'a str>,
}

impl<'a> Parts<'a> {
    fn of(fields: &'a [Field], own_name: Option<usize>) -> Self {
        let own_name = own_name.map(|field| fields[field].name.as_str());
        let of_kind = |kind: FieldKind| {
            let named = fields.iter().filter(move |field| field.kind == kind);
            named.map(|field| field.name.as_str())
        };
        let given = of_kind(FieldKind::GivenName).next();
        let surname = of_kind(FieldKind::Surname).next();
        let any = match own_name {
            Some(name) => vec![format!("{name}.any-code")],
            None => given
                .into_iter()
                .chain(surname)
                .map(|name| format!("{name}.any-code"))
                .collect(),
        };
        let pair = match (own_name, given, surname) {
            (Some(name), _, _) => Some(vec![format!("{name}.code-pair")]),
            (None, Some(given), Some(surname)) => {
                Some(vec![format!("{given}.code"), format!("{surname}.code")])
            }
            _ => None,
        };
        Self {
            pair,
            any,
            date: of_kind(FieldKind::Date).next(),
            area: area(fields),
            people: of_kind(FieldKind::FullName)
                .filter(|name| Some(*name) != own_name)
                .collect(),
            phones: of_kind(FieldKind::Phone).collect(),
            identifiers: of_kind(FieldKind::Identifier).collect(),
            addresses: of_kind(FieldKind::Address).collect(),
        }
    }
}

impl Parts<'_> {
    /// How a year is asked for. A wrong one is found by other people's names or by an address, where these are known;
    /// where they are not, the years beside it meet too, at twice the rows.
    fn year(&self) -> &'static str {
        match self.people.is_empty() && self.addresses.is_empty() {
            true => "near-year",
            false => "year",
        }
    }
}

/// The unit around the first place; the place itself where none is named.
fn area(fields: &[Field]) -> Option<String> {
    let place = fields
        .iter()
        .find(|field| field.within.is_some())
        .or_else(|| fields.iter().find(|field| field.kind == FieldKind::Place))?;
    let area = place.within.map_or(place, |outer| &fields[outer]);
    Some(match area.kind {
        FieldKind::Place => format!("{}.code", area.name),
        _ => area.name.to_string(),
    })
}

struct Passes(Vec<raw::Pass>);

impl Passes {
    fn push<const N: usize>(&mut self, components: [&[String]; N]) {
        let block: Vec<String> = components.iter().flat_map(|part| part.to_vec()).collect();
        let name = format!("standard-{}", self.0.len() + 1);
        self.0.push(raw::Pass { name, block });
    }

    fn by_date(&mut self, parts: &Parts<'_>) {
        let Some(date) = parts.date else { return };
        let form = |form: &str| [format!("{date}.{form}")];
        self.push([&form("value")]);
        if let Some(pair) = &parts.pair {
            self.push([pair, &form(parts.year())]);
        }
        for any in &parts.any {
            let any = std::slice::from_ref(any);
            self.push([any, &form("month-day")]);
            // Where an area is known, a date with a wrong day is found by year and area.
            if parts.area.is_none() {
                self.push([any, &form("year-month")]);
            }
        }
    }

    fn by_area(&mut self, parts: &Parts<'_>) {
        if let Some(area) = &parts.area {
            let area = std::slice::from_ref(area);
            if let Some(pair) = &parts.pair {
                self.push([pair, area]);
            }
            for any in &parts.any {
                let any = std::slice::from_ref(any);
                match parts.date {
                    Some(date) => self.push([any, &[format!("{date}.{}", parts.year())], area]),
                    None => self.push([any, area]),
                }
            }
        } else if let Some(pair) = &parts.pair {
            self.push([pair]);
        }
        for address in &parts.addresses {
            for any in &parts.any {
                self.push([&[(*address).to_owned()], std::slice::from_ref(any)]);
            }
        }
    }

    fn by_people(&mut self, parts: &Parts<'_>) {
        let pair = |person: &str| [format!("{person}.code-pair")];
        let Some((date, [_, _, ..])) = parts.date.map(|date| (date, &parts.people[..])) else {
            for person in &parts.people {
                for any in &parts.any {
                    self.push([std::slice::from_ref(any), &pair(person)]);
                }
            }
            return;
        };
        // Where two people are known, the own name need not be: it may be missing, or another one by now.
        for person in &parts.people {
            self.push([&pair(person), &[format!("{date}.{}", parts.year())]]);
        }
        for (place, person) in parts.people.iter().enumerate() {
            for other in &parts.people[place + 1..] {
                self.push([&pair(person), &pair(other)]);
            }
        }
    }

    fn by_numbers(&mut self, parts: &Parts<'_>) {
        for number in parts.phones.iter().chain(&parts.identifiers) {
            self.push([&[(*number).to_owned()]]);
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::schema::LinkageSchema;

    /// A schema of one party whose fields, given as name and kind, each read a column of their own;
    /// `name` reads given name and surname.
    fn passes(fields: &[(&str, &str)]) -> Result<Vec<Vec<String>>, String> {
        let tables = fields
            .iter()
            .map(|(name, kind)| format!("[[field]]\nname = \"{name}\"\nkind = \"{kind}\"\n"));
        let sources = fields.iter().map(|(name, kind)| {
            let columns = match *name {
                "name" => "\"given\", \"surname\"".to_owned(),
                own => format!("\"{own}\""),
            };
            let formats = if *kind == "date" {
                ", formats = [\"YYYY\"]"
            } else {
                ""
            };
            format!("{name} = {{ columns = [{columns}]{formats} }}\n")
        });
        let text = format!(
            "format = 1\nname = \"s\"\nrevision = 1\nprofile = \"standard\"\nlatest_year = 2025\n{}\
             [[party]]\nname = \"a\"\ntitle = \"A\"\nduplicates = true\nrecord_id = \"id\"\n[party.map]\n{}",
            tables.collect::<String>(),
            sources.collect::<String>(),
        );
        let schema = LinkageSchema::parse(&text).map_err(|error| error.to_string())?;
        let component = |c: &crate::schema::BlockComponent| {
            format!("{}.{}", schema.fields[c.field].name, c.form.as_str())
        };
        let passes = schema.passes.iter();
        Ok(passes
            .map(|pass| pass.components.iter().map(component).collect())
            .collect())
    }

    #[test]
    fn names_and_a_date_meet_in_four_ways_and_by_name_alone() {
        let fields = [
            ("given", "given-name"),
            ("surname", "surname"),
            ("name", "full-name"),
            ("born", "date"),
        ];
        let expected: [&[&str]; 5] = [
            &["born.value"],
            &["name.code-pair", "born.near-year"],
            &["name.any-code", "born.month-day"],
            &["name.any-code", "born.year-month"],
            &["name.code-pair"],
        ];
        assert_eq!(passes(&fields).unwrap(), expected);
    }

    #[test]
    fn a_year_is_asked_for_exactly_where_people_or_an_address_find_a_wrong_one() {
        for (field, kind, year) in [
            ("mother", "full-name", "born.year"),
            ("street", "address", "born.year"),
            ("phone", "phone", "born.near-year"),
        ] {
            let own = [
                ("given", "given-name"),
                ("surname", "surname"),
                ("name", "full-name"),
            ];
            let others = [("born", "date"), ("town", "place"), (field, kind)];
            let made = passes(&[&own[..], &others].concat()).unwrap();
            let years: Vec<&String> = made
                .iter()
                .flatten()
                .filter(|c| c.contains("year"))
                .collect();
            assert_eq!(years, [year, year], "{field}");
        }
    }

    #[test]
    fn without_a_whole_name_both_of_its_parts_are_asked_for() {
        let made = passes(&[
            ("given", "given-name"),
            ("surname", "surname"),
            ("born", "date"),
        ]);
        let made = made.unwrap();
        assert_eq!(made[1], ["given.code", "surname.code", "born.near-year"]);
        assert!(made.contains(&vec!["surname.any-code".into(), "born.month-day".into()]));
    }

    #[test]
    fn two_other_people_meet_with_the_year_and_each_other_and_one_with_any_word() {
        let people = |others: &[(&'static str, &'static str)]| {
            let own = [
                ("given", "given-name"),
                ("surname", "surname"),
                ("name", "full-name"),
            ];
            let made = passes(&[&own[..], others].concat()).unwrap();
            let others = |pass: &Vec<String>| {
                let other = |c: &String| c.starts_with("mother") || c.starts_with("father");
                pass.iter().any(other)
            };
            made.into_iter().filter(others).collect::<Vec<_>>()
        };
        let (father, mother) = (("father", "full-name"), ("mother", "full-name"));
        let born = ("born", "date");
        assert_eq!(
            people(&[father, mother, born]),
            [
                ["father.code-pair", "born.year"],
                ["mother.code-pair", "born.year"],
                ["father.code-pair", "mother.code-pair"],
            ]
        );
        let with_any_word = [["name.any-code", "mother.code-pair"]];
        assert_eq!(people(&[mother, born]), with_any_word);
        assert_eq!(people(&[father, mother])[1..], with_any_word);
    }

    #[test]
    fn numbers_block_alone_and_nothing_to_block_on_is_refused() {
        assert_eq!(passes(&[("nin", "identifier")]).unwrap(), [["nin.value"]]);
        let refused = passes(&[("town", "place")]).unwrap_err();
        assert!(refused.contains("no standard passes"), "{refused}");
    }
}
