//! The map: regions, sub-regions and localities with invented names, and the addresses in them.

use super::culture::Culture;
use super::date::Date;
use super::rng::Rng;

/// Regions of the country; each has a culture at home in it.
const REGIONS: usize = 8;
const SUB_REGIONS: usize = 6;

/// A locality's position on the map.
pub(super) type PlaceIx = u32;

/// One locality.
pub(super) struct Place {
    pub(super) name: String,
    pub(super) region: String,
    pub(super) sub_region: String,
    pub(super) postal_code: String,
    /// When the enumerators of the social registry begin here.
    pub(super) surveyed: Date,
}

/// All localities, grouped by region.
pub(super) struct Map {
    pub(super) places: Vec<Place>,
    /// For each region its localities, the largest first.
    by_region: Vec<Vec<PlaceIx>>,
}

const REGION_WEIGHTS: [u32; REGIONS] = [14, 15, 16, 16, 13, 10, 8, 8];

/// Beginnings and ends of place names, by region. Invented: chosen to sound like the region's languages.
const SYLLABLES: [(&[&str], &[&str]); REGIONS] = [
    (
        &["Qasr", "Wad", "Tell", "Bir", "Nahr", "Suq", "Rabi"],
        &["arun", "izem", "hadi", "abra", "umar", "ekka"],
    ),
    (
        &["Ram", "Dev", "Sona", "Chand", "Nil", "Bas", "Madh"],
        &["garh", "puri", "bad", "nagora", "talli", "khali"],
    ),
    (
        &["Kiri", "Nyam", "Mbeya", "Tula", "Uzi", "Wam", "Kito"],
        &["ngo", "tare", "bwe", "sala", "mani", "yoni"],
    ),
    (
        &["Aba", "Oko", "Kum", "Sab", "Tamba", "Dous", "Ife"],
        &["gou", "tuma", "kara", "wele", "sso", "dugu"],
    ),
    (
        &["San ", "Villa ", "Monte ", "Alta ", "Puerto ", "Val "],
        &["Lirio", "Cazal", "Torbo", "Quira", "Merla"],
    ),
    (
        &["Deb", "Gora", "Wol", "Adi", "Mek", "Sele", "Bahr"],
        &["geda", "beza", "kela", "maru", "tiso", "zeyt"],
    ),
    (
        &["Vila ", "Porto ", "Ponte ", "Ribeira ", "Campo "],
        &["Alvor", "Serim", "Maroa", "Tandel", "Quelo"],
    ),
    (
        &["West", "Kings", "Oak", "Stone", "Thaba", "Clare", "Rust"],
        &["ford", "dale", "mere", "burg", "ton", "wick"],
    ),
];

const STREETS: [&[&str]; REGIONS] = [
    &["Sharia Gamal", "Shari al Nil", "Mosque Road", "Souk Street"],
    &[
        "Gandhi Road",
        "Bazaar Road",
        "Temple Street",
        "Station Road",
    ],
    &[
        "Uhuru Street",
        "Nyerere Road",
        "Kenyatta Avenue",
        "Mission Road",
    ],
    &[
        "Independence Avenue",
        "Unity Street",
        "Rue de la Paix",
        "Market Street",
    ],
    &[
        "Calle Mayor",
        "Calle del Sol",
        "Avenida Bolívar",
        "Plaza Nueva",
    ],
    &["Lion Road", "Church Road", "Airport Road", "Hospital Road"],
    &[
        "Rua da Igreja",
        "Praça Nova",
        "Avenida do Porto",
        "Rua Direita",
    ],
    &[
        "Church Street",
        "School Lane",
        "Old Mill Road",
        "Harbour Street",
    ],
];

impl Map {
    /// Draws a map for a country of about `persons`: the more people, the more localities.
    pub(super) fn draw(persons: u32, rng: &mut Rng) -> Self {
        let localities = (16 + (persons as usize / 400).min(400)).div_ceil(REGIONS);
        let mut map = Self {
            places: Vec::new(),
            by_region: Vec::new(),
        };
        for region in 0..REGIONS {
            let first = map.places.len() as PlaceIx;
            for number in 0..localities {
                let place = draw_place(region, number, rng);
                map.places.push(place);
            }
            map.by_region
                .push((first..map.places.len() as PlaceIx).collect());
        }
        map
    }

    /// The place at `position`.
    pub(super) fn place(&self, position: PlaceIx) -> &Place {
        &self.places[position as usize]
    }

    /// A locality somewhere in the country.
    pub(super) fn anywhere(&self, rng: &mut Rng) -> PlaceIx {
        let region = rng.weighted(&REGION_WEIGHTS);
        self.within(region, rng)
    }

    /// A locality for a family of `culture`: nine times in ten in the region where it is at home.
    pub(super) fn home_of(&self, culture: Culture, rng: &mut Rng) -> PlaceIx {
        if rng.chance(0.9) {
            self.within(culture.region(), rng)
        } else {
            self.anywhere(rng)
        }
    }

    /// A locality of the region, its first ones far more often than its last: towns and villages.
    fn within(&self, region: usize, rng: &mut Rng) -> PlaceIx {
        let places = &self.by_region[region];
        let bound = 1 + rng.index(places.len());
        places[rng.index(bound)]
    }

    /// A postal line in the place: a plot number, or a house in a named street.
    pub(super) fn address(&self, position: PlaceIx, rng: &mut Rng) -> String {
        let number = rng.between(1, 240);
        if rng.chance(0.58) {
            return format!("Plot {number}");
        }
        let region = position as usize / self.by_region[0].len();
        format!("{number} {}", rng.pick(STREETS[region]))
    }
}

fn draw_place(region: usize, number: usize, rng: &mut Rng) -> Place {
    let (beginnings, ends) = SYLLABLES[region];
    let combinations = beginnings.len() * ends.len();
    // Steps through all combinations before any comes twice: 17 divides none of their counts.
    let turn = number * 17 % combinations;
    let mut name = format!(
        "{}{}",
        beginnings[turn % beginnings.len()],
        ends[turn / beginnings.len()]
    );
    if number >= combinations {
        name = format!("{name} {}", number / combinations + 1);
    }
    let sub_region = format!("{}{}", region + 1, 1 + rng.index(SUB_REGIONS));
    Place {
        name,
        region: format!("R{}", region + 1),
        postal_code: format!("{sub_region}{number:03}"),
        sub_region: format!("D{sub_region}"),
        surveyed: Date::of(2021, 6, 1).plus_days(rng.between(0, 850)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn places_have_names_of_their_own() {
        for persons in [100, 5_000, 1_000_000] {
            let map = Map::draw(persons, &mut Rng::for_job(1, "map"));
            let names: HashSet<&str> = map.places.iter().map(|place| place.name.as_str()).collect();
            assert_eq!(names.len(), map.places.len(), "{persons} persons");
        }
    }

    #[test]
    fn codes_nest() {
        let map = Map::draw(50_000, &mut Rng::for_job(1, "map"));
        for place in &map.places {
            assert_eq!(place.region[1..], place.sub_region[1..2]);
            assert_eq!(place.sub_region[1..], place.postal_code[..2]);
            assert_eq!(place.postal_code.len(), 5);
        }
    }

    #[test]
    fn a_region_has_a_largest_town() {
        let mut rng = Rng::for_job(1, "map");
        let map = Map::draw(50_000, &mut rng);
        let draws: Vec<PlaceIx> = (0..2_000).map(|_| map.within(0, &mut rng)).collect();
        let count = |place| draws.iter().filter(|&&drawn| drawn == place).count();
        assert!(count(0) > 5 * count(12).max(1));
    }
}
