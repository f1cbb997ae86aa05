//! The naming cultures of the country and what sets each apart: how many names, whose, and what marriage does to them.

/// How a culture forms names. The short codes are those of `persons.csv`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) enum Culture {
    /// Arabic in Latin letters: own name, father's name, family or tribe.
    Arabic,
    /// North Indian and Bengali: `Md` before men's names, women's own surnames, some persons with one name.
    NorthIndian,
    /// South Indian: the father's name in place of a surname, often only its initial.
    SouthIndian,
    /// East African: Christian or Muslim name and a surname, or the father's name.
    EastAfrican,
    /// West African, English- and French-speaking.
    WestAfrican,
    /// Spanish: the father's and the mother's first surname.
    Spanish,
    /// Portuguese: the mother's and the father's last surname.
    Portuguese,
    /// English and southern African.
    Southern,
    /// Ethiopian: own, father's and grandfather's name; no surname.
    Ethiopian,
}

/// The habits of a culture, as probabilities.
pub(super) struct Habits {
    /// A second given name of one's own.
    pub(super) second_name: f64,
    /// A single name and no more.
    pub(super) single_name: f64,
    /// The surname is the father's given name.
    pub(super) father_as_surname: f64,
    /// The wife takes the husband's name.
    pub(super) married_name: f64,
    /// A son is given his father's name.
    pub(super) like_father: f64,
}

impl Culture {
    /// All cultures, in the order of [`Culture::position`].
    pub(super) const ALL: [Self; 9] = [
        Self::Arabic,
        Self::NorthIndian,
        Self::SouthIndian,
        Self::EastAfrican,
        Self::WestAfrican,
        Self::Spanish,
        Self::Portuguese,
        Self::Southern,
        Self::Ethiopian,
    ];

    /// How common each culture is, in the order of [`Culture::ALL`].
    pub(super) const WEIGHTS: [u32; 9] = [15, 12, 6, 18, 16, 13, 9, 11, 10];

    /// The code in `persons.csv`.
    pub(super) fn code(self) -> &'static str {
        match self {
            Self::Arabic => "ar",
            Self::NorthIndian => "sn",
            Self::SouthIndian => "ss",
            Self::EastAfrican => "ea",
            Self::WestAfrican => "wa",
            Self::Spanish => "es",
            Self::Portuguese => "pt",
            Self::Southern => "en",
            Self::Ethiopian => "et",
        }
    }

    /// Its place in [`Culture::ALL`].
    pub(super) fn position(self) -> usize {
        self as usize
    }

    /// The region where it is at home, counted from 0.
    pub(super) fn region(self) -> usize {
        match self {
            Self::Arabic => 0,
            Self::NorthIndian | Self::SouthIndian => 1,
            Self::EastAfrican => 2,
            Self::WestAfrican => 3,
            Self::Spanish => 4,
            Self::Ethiopian => 5,
            Self::Portuguese => 6,
            Self::Southern => 7,
        }
    }

    /// Whether the father's given name is written between a person's own name and the last one.
    pub(super) fn father_in_the_middle(self) -> bool {
        matches!(self, Self::Arabic | Self::Ethiopian)
    }

    /// What its people do, and how often.
    pub(super) fn habits(self) -> Habits {
        let (second_name, single_name, father_as_surname, married_name, like_father) = match self {
            Self::Arabic => (0.0, 0.0, 0.35, 0.0, 0.01),
            Self::NorthIndian => (0.22, 0.05, 0.10, 0.22, 0.0),
            Self::SouthIndian => (0.0, 0.02, 0.85, 0.15, 0.0),
            Self::EastAfrican => (0.28, 0.0, 0.40, 0.40, 0.02),
            Self::WestAfrican => (0.55, 0.0, 0.10, 0.45, 0.03),
            Self::Spanish => (0.62, 0.0, 0.0, 0.12, 0.06),
            Self::Portuguese => (0.40, 0.0, 0.0, 0.40, 0.04),
            Self::Southern => (0.70, 0.0, 0.0, 0.65, 0.05),
            Self::Ethiopian => (0.0, 0.0, 0.0, 0.0, 0.0),
        };
        Habits {
            second_name,
            single_name,
            father_as_surname,
            married_name,
            like_father,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn positions_and_codes_agree() {
        for (position, culture) in Culture::ALL.into_iter().enumerate() {
            assert_eq!(culture.position(), position);
        }
        let mut codes = Culture::ALL.map(Culture::code).to_vec();
        codes.sort_unstable();
        codes.dedup();
        assert_eq!(codes.len(), Culture::ALL.len());
    }
}
