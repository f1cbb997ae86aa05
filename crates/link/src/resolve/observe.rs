//! What the model sees of a pair: which parties, in which passes it met, and its comparison levels.

use model::schema::{BlockComponent, BlockForm, Pass};
use model::{Layout, LinkageSchema};

use super::levels::Variables;
use super::pairs::PairTable;

/// All candidate pairs as the model sees them.
pub(super) struct Observations {
    /// Whose the records are, by pair.
    pub(super) strata: Vec<u16>,
    /// The passes they met in, by pair, one bit a pass.
    passes: Vec<u64>,
    /// The level of every variable, pair after pair.
    levels: Vec<u16>,
    width: usize,
    /// By pass, then variable: what the pass asks of the variable's value; empty where nothing.
    pub(super) asked: Vec<Vec<Vec<Asked>>>,
}

/// What a pass asks of a variable.
#[derive(Debug, Clone, Copy)]
pub(super) struct Asked {
    /// Which of the variable's fields, by place.
    pub(super) field: usize,
    /// Which form of its value.
    pub(super) form: BlockForm,
}

/// One pair as the model sees it.
#[derive(Clone, Copy)]
pub(super) struct Observed<'a> {
    pub(super) stratum: u16,
    passes: u64,
    pub(super) levels: &'a [u16],
}

impl Observations {
    pub(super) fn of(
        schema: &LinkageSchema,
        layout: &Layout,
        variables: &Variables,
        table: &PairTable,
    ) -> Self {
        let fields: Vec<Vec<usize>> = variables.0.iter().map(|v| v.fields(layout)).collect();
        let of = |pass: &Pass, fields: &Vec<usize>| -> Vec<Asked> {
            let asked = |component: &BlockComponent| {
                let field = fields.iter().position(|field| *field == component.field)?;
                let form = component.form;
                Some(Asked { field, form })
            };
            pass.components.iter().filter_map(asked).collect()
        };
        let asked = |pass: &Pass| fields.iter().map(|fields| of(pass, fields)).collect();
        Self {
            strata: table.strata.clone(),
            passes: table.passes.clone(),
            levels: table.levels(variables),
            width: variables.len(),
            asked: schema.passes.iter().map(asked).collect(),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.passes.len()
    }

    /// Pair `pair` of the table.
    pub(super) fn pair(&self, pair: usize) -> Observed<'_> {
        Observed {
            stratum: self.strata[pair],
            passes: self.passes[pair],
            levels: &self.levels[pair * self.width..(pair + 1) * self.width],
        }
    }
}

impl Observed<'_> {
    /// The passes the pair met in.
    pub(super) fn passes(&self) -> impl Iterator<Item = usize> + use<> {
        let passes = self.passes;
        (0..u64::BITS as usize).filter(move |pass| passes >> pass & 1 == 1)
    }
}
