//! Slips of hand and machine: what keyboards, scanners and tired clerks do to a piece of text.

use super::rng::Rng;

/// Rows of the keyboard; a finger misses to the left or the right.
const KEYS: [&str; 4] = ["1234567890", "qwertyuiop", "asdfghjkl", "zxcvbnm"];

/// What a scanner takes for something else, both ways.
const LOOKALIKES: &[(&str, &str)] = &[
    ("m", "rn"),
    ("d", "cl"),
    ("l", "i"),
    ("e", "c"),
    ("h", "b"),
    ("o", "0"),
    ("u", "v"),
    ("n", "u"),
    ("w", "vv"),
    ("a", "o"),
    ("s", "5"),
    ("l", "1"),
    ("B", "8"),
    ("S", "5"),
    ("O", "0"),
    ("G", "C"),
    ("M", "N"),
    ("t", "f"),
];

/// One keystroke gone wrong: a neighbouring key, two letters swapped, one left out, one struck twice.
pub(super) fn keyboard(text: &str, rng: &mut Rng) -> String {
    let mut letters: Vec<char> = text.chars().collect();
    if letters.len() < 2 {
        return text.to_owned();
    }
    let at = rng.index(letters.len());
    match rng.weighted(&[35, 25, 25, 15]) {
        0 => letters[at] = neighbour(letters[at], rng),
        1 => letters.swap(at.max(1) - 1, at.max(1)),
        2 => {
            letters.remove(at);
        }
        _ => letters.insert(at, letters[at]),
    }
    letters.into_iter().collect()
}

fn neighbour(letter: char, rng: &mut Rng) -> char {
    let lower = letter.to_ascii_lowercase();
    let Some(row) = KEYS.iter().find(|row| row.contains(lower)) else {
        return letter;
    };
    let keys: Vec<char> = row.chars().collect();
    let at = keys.iter().position(|&key| key == lower).unwrap_or(0);
    let other = if at == 0 || (at + 1 < keys.len() && rng.chance(0.5)) {
        keys[at + 1]
    } else {
        keys[at - 1]
    };
    if letter.is_uppercase() {
        other.to_ascii_uppercase()
    } else {
        other
    }
}

/// The text after a scanner read one shape for another; none if it has no such shape.
pub(super) fn scanned(text: &str, rng: &mut Rng) -> Option<String> {
    let mut fits = Vec::new();
    for &(one, other) in LOOKALIKES {
        fits.extend(text.match_indices(one).map(|(at, _)| (at, one, other)));
        fits.extend(text.match_indices(other).map(|(at, _)| (at, other, one)));
    }
    if fits.is_empty() {
        return None;
    }
    let &(at, from, to) = rng.pick(&fits);
    Some(format!("{}{to}{}", &text[..at], &text[at + from.len()..]))
}

/// A blank or a full stop where none belongs.
pub(super) fn stray_space(text: &str, rng: &mut Rng) -> String {
    match rng.below(3) {
        0 => format!(" {text}"),
        1 if text.contains(' ') => text.replacen(' ', "  ", 1),
        _ => format!("{text}."),
    }
}

/// Two words run together, or one broken in two; none if the text is too short for either.
pub(super) fn split_or_merged(text: &str, rng: &mut Rng) -> Option<String> {
    if text.contains(' ') {
        return Some(text.replacen(' ', "", 1));
    }
    let boundaries: Vec<usize> = text.char_indices().map(|(at, _)| at).skip(2).collect();
    let inner = boundaries.get(..boundaries.len().checked_sub(1)?)?;
    if inner.is_empty() {
        return None;
    }
    let at = *rng.pick(inner);
    Some(format!("{} {}", &text[..at], &text[at..]))
}

/// The number with one digit wrong; as it was, if it has none.
pub(super) fn wrong_digit(number: &str, rng: &mut Rng) -> String {
    let mut digits: Vec<char> = number.chars().collect();
    if digits.is_empty() {
        return String::new();
    }
    let at = rng.index(digits.len());
    if let Some(digit) = digits[at].to_digit(10) {
        let wrong = (digit + 1 + rng.below(9) as u32) % 10;
        digits[at] = char::from_digit(wrong, 10).unwrap_or(digits[at]);
    }
    digits.into_iter().collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rng() -> Rng {
        Rng::for_job(11, "test")
    }

    #[test]
    fn a_keystroke_changes_at_most_two_places() {
        let mut rng = rng();
        for _ in 0..500 {
            let slipped = keyboard("Mahlangu", &mut rng);
            let length = slipped.chars().count();
            assert!((7..=9).contains(&length), "{slipped}");
        }
        assert_eq!(keyboard("X", &mut rng), "X");
    }

    #[test]
    fn scanners_confuse_shapes() {
        let mut rng = rng();
        for _ in 0..200 {
            assert_ne!(scanned("Margaret", &mut rng).unwrap(), "Margaret");
        }
        assert_eq!(scanned("Yyy", &mut rng), None);
    }

    #[test]
    fn words_split_and_merge() {
        let mut rng = rng();
        assert_eq!(
            split_or_merged("Juan Pablo", &mut rng).unwrap(),
            "JuanPablo"
        );
        assert_eq!(
            split_or_merged("Abigail", &mut rng)
                .unwrap()
                .replace(' ', ""),
            "Abigail"
        );
        assert_eq!(split_or_merged("Al", &mut rng), None);
        assert_eq!(split_or_merged("", &mut rng), None);
    }

    #[test]
    fn one_digit_is_wrong() {
        let mut rng = rng();
        for _ in 0..100 {
            let wrong = wrong_digit("712345678", &mut rng);
            let differing = wrong
                .chars()
                .zip("712345678".chars())
                .filter(|(one, other)| one != other)
                .count();
            assert_eq!(differing, 1);
        }
    }

    #[test]
    fn strays_only_add() {
        let mut rng = rng();
        for _ in 0..50 {
            let text = stray_space("Juan Pablo", &mut rng);
            assert!(
                text.len() == 11 && text.replace([' ', '.'], "") == "JuanPablo",
                "{text}"
            );
        }
    }
}
