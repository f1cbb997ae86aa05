//! Whole-record encodings of made-up people, for measuring: names of syllables, dates, places, bigrams hashed
//! into a vector. The same seed gives the same bytes on every machine. Realistic in what matters to a
//! search: how many bits are set, how that varies, and that half of the records have a misspelt twin.

/// Bits of an encoding.
pub(crate) const BITS: usize = 1024;
/// Bits set for each token, before they fall together.
const BITS_PER_TOKEN: u64 = 15;
const SYLLABLES: [&str; 32] = [
    "ma", "ri", "an", "jo", "ka", "el", "so", "ta", "ben", "li", "do", "ra", "mi", "sha", "no",
    "te", "lu", "ga", "wen", "di", "pa", "ol", "vi", "ham", "ru", "ne", "chi", "ba", "es", "ko",
    "mu", "fe",
];

/// A stream of numbers (splitmix64, Steele, Lea and Flood 2014).
pub(crate) struct Numbers(pub(crate) u64);

impl Numbers {
    /// The next one.
    pub(crate) fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        mixed(self.0)
    }

    /// One below `end`.
    pub(crate) fn below(&mut self, end: usize) -> usize {
        ((u128::from(self.next()) * end as u128) >> 64) as usize
    }

    /// One below `end`, small ones much more often, as common names are.
    fn skewed(&mut self, end: usize) -> usize {
        let even = self.below(1 << 20) as f64 / f64::from(1 << 20);
        (even.powi(3) * end as f64) as usize
    }
}

fn mixed(value: u64) -> u64 {
    let value = (value ^ value >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let value = (value ^ value >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    value ^ value >> 31
}

/// Two sets of `len` encodings; the even rows of the second are of people in the first.
pub(crate) fn two_sets(len: usize, seed: u64) -> (Vec<u8>, Vec<u8>) {
    let mut numbers = Numbers(seed);
    let people: Vec<Person> = (0..len).map(|_| Person::new(&mut numbers)).collect();
    let other = |(row, person): (usize, &Person)| {
        if row % 2 == 0 {
            person.misspelt(&mut numbers)
        } else {
            Person::new(&mut numbers)
        }
    };
    let others: Vec<Person> = people.iter().enumerate().map(other).collect();
    let encode = |people: &[Person]| people.iter().flat_map(Person::encoding).collect();
    (encode(&people), encode(&others))
}

/// Given name, surname, date of birth, place.
struct Person([String; 4]);

impl Person {
    fn new(numbers: &mut Numbers) -> Self {
        let given = name(numbers.skewed(2000), 2);
        let surname = name(numbers.skewed(10_000) + 50_000, 3);
        let place = name(numbers.skewed(300) + 100_000, 3);
        let days = (
            1 + numbers.below(28),
            1 + numbers.below(12),
            1930 + numbers.below(90),
        );
        let born = format!("{:04}{:02}{:02}", days.2, days.1, days.0);
        Self([given, surname, born, place])
    }

    /// The same person with up to three slips of the pen.
    fn misspelt(&self, numbers: &mut Numbers) -> Self {
        let mut fields = self.0.clone().map(String::into_bytes);
        for _ in 0..numbers.below(4) {
            let field = numbers.below(4);
            let letters = &mut fields[field];
            let place = numbers.below(letters.len());
            match numbers.below(if field == 2 { 1 } else { 3 }) {
                0 => letters[place] = other_letter(letters[place], numbers),
                1 => letters.insert(place, b'a' + numbers.below(26) as u8),
                _ if letters.len() > 2 => drop(letters.remove(place)),
                _ => (),
            }
        }
        Self(fields.map(|letters| letters.into_iter().map(char::from).collect()))
    }

    /// Bigrams of words, digits of dates with their places.
    fn encoding(&self) -> [u8; BITS / 8] {
        let mut bits = [0; BITS / 8];
        for (index, field) in self.0.iter().enumerate() {
            let field = format!(" {field} ");
            for (place, pair) in field.as_bytes().windows(2).enumerate() {
                let place = if index == 2 { place as u64 + 1 } else { 0 };
                let token = u64::from(pair[0])
                    | u64::from(pair[1]) << 8
                    | place << 16
                    | (index as u64) << 32;
                set_bits(&mut bits, token);
            }
        }
        bits
    }
}

fn set_bits(bits: &mut [u8], token: u64) {
    for index in 0..BITS_PER_TOKEN {
        let bit = mixed(mixed(token) ^ index) as usize % BITS;
        bits[bit / 8] |= 1 << (bit % 8);
    }
}

fn name(number: usize, least: u64) -> String {
    let mut state = Numbers(number as u64);
    let syllables = least + state.next() % 2;
    (0..syllables)
        .map(|_| SYLLABLES[state.below(SYLLABLES.len())])
        .collect()
}

fn other_letter(letter: u8, numbers: &mut Numbers) -> u8 {
    if letter.is_ascii_digit() {
        b'0' + numbers.below(10) as u8
    } else {
        b'a' + numbers.below(26) as u8
    }
}
