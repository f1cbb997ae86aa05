//! Exact counts between many rows at once, by the best kernel the processor has.
//!
//! Rows lie in [`Panels`] of eight; a kernel takes panels of queries against panels of rows, 64
//! pairs at a time, as matrix multiplication does. [`Kernel::counts`] gives every count,
//! [`Kernel::near`] only the pairs within a Hamming distance: it drops most pairs at a [`Glance`], in
//! lanes, and touches nothing else where no pair is near. All kernels give the same integers.

#[cfg(target_arch = "x86_64")]
mod avx2;
#[cfg(target_arch = "x86_64")]
mod avx512;
mod drive;
mod lanes;
#[cfg(target_arch = "aarch64")]
mod neon;
mod panels;
mod scalar;

use std::ops::Range;

pub use panels::{PANEL_ROWS, Panels};

/// What is counted of two rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Count {
    /// Bits set in both: what Dice and Jaccard are made of.
    Shared,
    /// Bits set in one: the Hamming distance.
    Differing,
}

/// Counts of one panel of queries with one panel of rows: `counts[query][row]`.
pub type PanelCounts = [[u16; PANEL_ROWS]; PANEL_ROWS];

/// A pair of rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Hit {
    /// The query, counted from the first of its panels.
    pub query: u32,
    /// The row, counted from the first of its panels.
    pub row: u32,
}

/// One panel of queries and how far from each a row may be.
#[derive(Debug, Clone, Copy)]
pub struct QueryPanel<'a> {
    /// Where the panel is.
    pub panels: &'a Panels,
    /// Its number there.
    pub index: usize,
    /// The largest distance for each query; none where nothing is near enough.
    pub limits: [Option<u16>; PANEL_ROWS],
}

/// What is looked at of every pair before it is dropped or compared further.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Glance {
    /// The first words of a row, at most as many as it has.
    pub words: u16,
    /// How differences are counted.
    pub fold: Fold,
}

/// How the differences of neighbouring words are counted: of the words of a group, those that differ
/// at one place count once. This never exceeds the Hamming distance, and costs less to count than
/// it loses. Words that do not fill a group are not looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Fold {
    /// Each word by itself: the Hamming distance.
    None,
    /// Two words at a time.
    Pairs,
    /// Three words at a time.
    Triples,
}

impl Fold {
    /// Words in a group.
    pub const fn group(self) -> usize {
        match self {
            Self::None => 1,
            Self::Pairs => 2,
            Self::Triples => 3,
        }
    }
}

/// A way of counting that this processor can run. Values exist only for what was found on it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Kernel(Isa);

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Isa {
    Scalar,
    #[cfg(target_arch = "x86_64")]
    Avx2,
    #[cfg(target_arch = "x86_64")]
    Avx512,
    #[cfg(target_arch = "x86_64")]
    Compiled,
    #[cfg(target_arch = "aarch64")]
    Neon,
}

/// The kernel's functions for one instruction set.
macro_rules! with {
    ($isa:expr, $name:ident($($argument:expr),*)) => {
        match $isa {
            Isa::Scalar => drive::scalar::$name($($argument),*),
            // SAFETY: a kernel of this kind is made only after asking the processor, see `available`.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => unsafe { drive::avx2::$name($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => unsafe { drive::avx512::$name($($argument),*) },
            // SAFETY: as above, see `compiled`.
            #[cfg(target_arch = "x86_64")]
            Isa::Compiled => unsafe { drive::compiled::$name($($argument),*) },
            // SAFETY: as above.
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => unsafe { drive::neon::$name($($argument),*) },
        }
    };
}

impl Kernel {
    /// The kernel for any processor.
    pub const SCALAR: Self = Self(Isa::Scalar);

    /// The fastest kernel of this processor.
    pub fn best() -> Self {
        Self::available().last().unwrap_or(Self::SCALAR)
    }

    /// All kernels of this processor, the fastest last.
    pub fn available() -> impl Iterator<Item = Self> {
        let mut kernels = vec![Self::SCALAR];
        #[cfg(target_arch = "x86_64")]
        {
            if is_x86_feature_detected!("popcnt") && is_x86_feature_detected!("avx2") {
                kernels.push(Self(Isa::Avx2));
            }
            if has_avx512() {
                kernels.push(Self(Isa::Avx512));
            }
        }
        #[cfg(target_arch = "aarch64")]
        if std::arch::is_aarch64_feature_detected!("neon") {
            kernels.push(Self(Isa::Neon));
        }
        kernels.into_iter()
    }

    /// What the compiler makes by itself of the scalar kernel for the best instructions, if this
    /// processor has them: what the others are measured against.
    pub fn compiled() -> Option<Self> {
        #[cfg(target_arch = "x86_64")]
        if has_avx512() {
            return Some(Self(Isa::Compiled));
        }
        None
    }

    /// What the kernel is made for.
    pub fn name(self) -> &'static str {
        match self.0 {
            Isa::Scalar => "scalar",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx2 => "AVX2",
            #[cfg(target_arch = "x86_64")]
            Isa::Avx512 => "AVX-512 VPOPCNTDQ",
            #[cfg(target_arch = "x86_64")]
            Isa::Compiled => "scalar, compiled for AVX-512",
            #[cfg(target_arch = "aarch64")]
            Isa::Neon => "NEON",
        }
    }

    /// The counts of one row, which has as many words as those of `rows`, with each of `rows`, put
    /// after what is in `counts`.
    pub fn one_to_many(self, count: Count, query: &[u64], rows: &Panels, counts: &mut Vec<u16>) {
        with!(self.0, one_to_many(count, query, rows, counts));
    }

    /// The counts of panel `index` of `queries` with the panels `range` of `rows`, put after what is in
    /// `counts`. Rows that fill up a panel are counted like others.
    pub fn counts(
        self,
        count: Count,
        (queries, index): (&Panels, usize),
        rows: &Panels,
        range: Range<usize>,
        counts: &mut Vec<PanelCounts>,
    ) {
        debug_assert_eq!(queries.words(), rows.words());
        with!(self.0, counts(count, queries, index, rows, range, counts));
    }

    /// Appends to `hits` the pairs of the queries with rows in the panels `range` that differ in no more
    /// bits than the query's limit. Pairs that a first glance tells apart are dropped there, which
    /// changes the time, never the outcome. Returns how many were not, and were compared to the end.
    pub fn near(
        self,
        queries: QueryPanel<'_>,
        rows: &Panels,
        range: Range<usize>,
        glance: Glance,
        hits: &mut Vec<Hit>,
    ) -> u64 {
        debug_assert_eq!(queries.panels.words(), rows.words());
        with!(self.0, near(queries, rows, range, glance, hits))
    }

    /// For each pair, the bits set in both of two rows that lie one after the other in `left` and
    /// `right`, `words` words each, put after what is in `counts`.
    ///
    /// # Panics
    /// When a hit names a row that is not there.
    pub fn shared_of(
        self,
        words: usize,
        (left, right): (&[u64], &[u64]),
        hits: &[Hit],
        counts: &mut Vec<u16>,
    ) {
        with!(self.0, shared_of(words, left, right, hits, counts));
    }
}

#[cfg(target_arch = "x86_64")]
fn has_avx512() -> bool {
    is_x86_feature_detected!("popcnt")
        && is_x86_feature_detected!("avx512f")
        && is_x86_feature_detected!("avx512vpopcntdq")
}

#[cfg(test)]
mod tests;
