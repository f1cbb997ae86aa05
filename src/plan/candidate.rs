//! What a blocking pass can be made of: components, and the sets of one to three of them that the
//! schema language allows.

use model::LinkageSchema;
use model::schema::{BlockComponent, BlockForm, Field, FieldKind};

/// The most components a proposed pass has. More fail together more often than they save pairs.
pub(crate) const MAX_COMPONENTS: usize = 3;

/// The owner of the person's own name; another person's is known by its field.
pub(crate) const SELF: usize = usize::MAX;

/// A pass as places in [`Components`], in ascending order.
pub(crate) type Candidate = Vec<usize>;

/// Every component that can stand in a pass, and how they go together.
pub(crate) struct Components {
    list: Vec<BlockComponent>,
    fields: Vec<Field>,
    /// By field: whose name it is. Fields with one owner say the same thing.
    owners: Vec<Option<usize>>,
}

impl Components {
    /// The components worth trying under `schema`, with those its passes use.
    pub(crate) fn of(schema: &LinkageSchema) -> Self {
        let mut list = Vec::new();
        for (field, known) in schema.fields.iter().enumerate() {
            let forms = forms(known.kind).iter();
            list.extend(forms.map(|form| BlockComponent { field, form: *form }));
        }
        for component in schema.passes.iter().flat_map(|pass| &pass.components) {
            if !list.contains(component) {
                list.push(*component);
            }
        }
        Self {
            list,
            fields: schema.fields.clone(),
            owners: owners(schema),
        }
    }

    /// All of them.
    pub(crate) fn list(&self) -> &[BlockComponent] {
        &self.list
    }

    /// Whose name a field is: the same number for the parts and the whole of one person's name.
    pub(crate) fn owner(&self, field: usize) -> Option<usize> {
        self.owners[field]
    }

    /// Whether the person's own name is among the fields, beside others' (a father's, a mother's).
    pub(crate) fn has_own_name(&self) -> bool {
        self.owners.contains(&Some(SELF))
    }

    /// How many units of living place lie around a field: 0 for the outermost, 3 for an address;
    /// none for a field that has no part in it.
    pub(crate) fn depth(&self, field: usize) -> Option<usize> {
        let is_outer = |inner: &Field| inner.within == Some(field);
        if self.fields[field].kind == FieldKind::Address {
            return Some(3);
        }
        let depth = self.around(field).count();
        (depth > 0 || self.fields.iter().any(is_outer)).then_some(depth)
    }

    /// The schema's fields.
    pub(crate) fn fields(&self) -> &[Field] {
        &self.fields
    }

    /// The places of a pass's components, in the pass's own order.
    pub(crate) fn places(&self, components: &[BlockComponent]) -> Candidate {
        let place = |component| self.list.iter().position(|known| known == component);
        components.iter().filter_map(place).collect()
    }

    /// `shorter` with one more component, each set once; only sets whose parts do not say the same.
    pub(crate) fn widened<'a>(
        &'a self,
        shorter: &'a [usize],
    ) -> impl Iterator<Item = Candidate> + 'a {
        let after = shorter.last().map_or(0, |last| last + 1);
        (after..self.list.len())
            .filter(|place| shorter.iter().all(|other| self.add_up(*other, *place)))
            .map(move |place| [shorter, &[place]].concat())
    }

    /// Whether two components say more than one of them: not of one field, not one person's name in
    /// full and in part, not a place and the larger unit around it.
    fn add_up(&self, left: usize, right: usize) -> bool {
        let (l, r) = (self.list[left].field, self.list[right].field);
        let in_full = |field: usize| self.fields[field].kind == FieldKind::FullName;
        let one_name = self.owners[l].is_some() && self.owners[l] == self.owners[r];
        l != r && !(one_name && (in_full(l) || in_full(r))) && !self.nested(l, r)
    }

    fn nested(&self, left: usize, right: usize) -> bool {
        self.around(left).any(|outer| outer == right)
            || self.around(right).any(|outer| outer == left)
    }

    fn around(&self, field: usize) -> impl Iterator<Item = usize> {
        let next = |outer: &usize| self.fields[*outer].within;
        std::iter::successors(self.fields[field].within, next)
    }

    /// Whether the schema language takes `candidate` as a pass. It refuses values that are common
    /// whatever the data.
    pub(crate) fn is_allowed(&self, candidate: &[usize]) -> bool {
        let says_little = |place: &usize| {
            let kind = self.fields[self.list[*place].field].kind;
            matches!(kind, FieldKind::Sex | FieldKind::Code)
        };
        candidate.iter().any(|place| self.is_strong(*place))
            || (candidate.len() > 1 && !candidate.iter().all(says_little))
    }

    fn is_strong(&self, place: usize) -> bool {
        let BlockComponent { field, form } = self.list[place];
        match self.fields[field].kind {
            FieldKind::Phone | FieldKind::Identifier => true,
            FieldKind::Date => form == BlockForm::Value,
            _ => form == BlockForm::CodePair,
        }
    }

    /// A component as a schema writes it.
    pub(crate) fn text(&self, place: usize) -> String {
        let BlockComponent { field, form } = self.list[place];
        let name = &self.fields[field].name;
        match form {
            BlockForm::Value => name.to_string(),
            _ => format!("{name}.{}", form.as_str()),
        }
    }

    /// A pass as people read it.
    pub(crate) fn title(&self, candidate: &[usize]) -> String {
        self.texts(candidate).join(" + ")
    }

    /// Its components as a schema writes them.
    pub(crate) fn texts(&self, candidate: &[usize]) -> Vec<String> {
        candidate.iter().map(|place| self.text(*place)).collect()
    }
}

/// The forms worth trying. Left out: a name's whole value, which its code stands for, and pairs of
/// words within one half of a name.
fn forms(kind: FieldKind) -> &'static [BlockForm] {
    use BlockForm as F;
    match kind {
        FieldKind::GivenName | FieldKind::Surname => &[F::Code, F::AnyCode],
        FieldKind::FullName => &[F::Code, F::AnyCode, F::CodePair],
        FieldKind::Date => &[F::Value, F::Year, F::NearYear, F::MonthDay, F::YearMonth],
        FieldKind::Place => &[F::Value, F::Code],
        _ => &[F::Value],
    }
}

fn owners(schema: &LinkageSchema) -> Vec<Option<usize>> {
    let given = schema.first_of(FieldKind::GivenName);
    let of = |(index, field): (usize, &Field)| match field.kind {
        FieldKind::GivenName | FieldKind::Surname => Some(SELF),
        FieldKind::FullName if given.is_some_and(|given| share_column(schema, given, index)) => {
            Some(SELF)
        }
        FieldKind::FullName => Some(index),
        _ => None,
    };
    schema.fields.iter().enumerate().map(of).collect()
}

/// Whether some party reads both fields from one column.
fn share_column(schema: &LinkageSchema, left: usize, right: usize) -> bool {
    schema.parties.iter().any(
        |party| match (&party.sources[left], &party.sources[right]) {
            (Some(l), Some(r)) => l.columns.iter().any(|column| r.columns.contains(column)),
            _ => false,
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::tests::{schema, schema_with_passes};

    #[test]
    fn what_is_allowed_is_what_the_schema_takes() {
        let components = Components::of(&schema());
        let singles: Vec<Candidate> = components.widened(&[]).collect();
        let pairs = singles.iter().flat_map(|single| components.widened(single));
        for candidate in pairs.chain(singles.clone()) {
            let texts = components.texts(&candidate);
            let pass = format!("[[pass]]\nname = \"p\"\nblock = {texts:?}\n");
            let taken = LinkageSchema::parse(&schema_with_passes(&pass)).is_ok();
            assert_eq!(components.is_allowed(&candidate), taken, "{texts:?}");
        }
    }

    #[test]
    fn components_that_say_the_same_do_not_go_together() {
        let components = Components::of(&schema());
        let singles: Vec<Candidate> = components.widened(&[]).collect();
        let pairs = singles.iter().flat_map(|single| components.widened(single));
        let titles: Vec<String> = pairs.map(|pair| components.title(&pair)).collect();
        let has = |title: &str| titles.iter().any(|known| known == title);
        assert!(has("given.code + surname.code"));
        assert!(!has("given.code + name.any-code"));
        assert!(!has("born.year + born.month-day"));
        assert!(!has("district + region"));
        assert!(has("born.year + district"));
    }

    #[test]
    fn a_fathers_name_is_another_persons() {
        let components = Components::of(&schema());
        assert_eq!(components.owner(0), Some(SELF));
        assert_eq!(components.owner(2), Some(SELF));
        assert_eq!(components.owner(3), None);
    }
}
