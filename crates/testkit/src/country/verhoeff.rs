//! The check digit at the end of a national number (J. Verhoeff, "Error detecting decimal codes", 1969): it
//! catches every single wrong digit and every swap of two neighbours.

/// Multiplication in the dihedral group of order ten.
const PRODUCT: [[u8; 10]; 10] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 2, 3, 4, 0, 6, 7, 8, 9, 5],
    [2, 3, 4, 0, 1, 7, 8, 9, 5, 6],
    [3, 4, 0, 1, 2, 8, 9, 5, 6, 7],
    [4, 0, 1, 2, 3, 9, 5, 6, 7, 8],
    [5, 9, 8, 7, 6, 0, 4, 3, 2, 1],
    [6, 5, 9, 8, 7, 1, 0, 4, 3, 2],
    [7, 6, 5, 9, 8, 2, 1, 0, 4, 3],
    [8, 7, 6, 5, 9, 3, 2, 1, 0, 4],
    [9, 8, 7, 6, 5, 4, 3, 2, 1, 0],
];

/// What a digit becomes before it is multiplied in, by its place from the right; repeats after eight places.
const PERMUTED: [[u8; 10]; 8] = [
    [0, 1, 2, 3, 4, 5, 6, 7, 8, 9],
    [1, 5, 7, 6, 2, 8, 3, 0, 9, 4],
    [5, 8, 0, 3, 7, 9, 6, 1, 4, 2],
    [8, 9, 1, 6, 0, 4, 3, 5, 2, 7],
    [9, 4, 5, 3, 1, 2, 6, 8, 7, 0],
    [4, 2, 8, 6, 5, 7, 3, 9, 0, 1],
    [2, 7, 9, 3, 8, 0, 6, 4, 1, 5],
    [7, 0, 4, 6, 9, 1, 3, 2, 5, 8],
];

const INVERSE: [u8; 10] = [0, 4, 3, 2, 1, 5, 6, 7, 8, 9];

/// The check digit to put behind `number`.
pub(super) fn check_digit(number: u64) -> u8 {
    let mut left = number;
    let mut sum = 0;
    let mut place = 1;
    while left > 0 {
        sum = step(sum, place, (left % 10) as u8);
        left /= 10;
        place += 1;
    }
    INVERSE[usize::from(sum)]
}

/// Whether the last of `digits` is the check digit of the others.
pub fn is_valid(digits: &str) -> bool {
    let mut sum = 0;
    for (place, character) in digits.chars().rev().enumerate() {
        let Some(digit) = character.to_digit(10) else {
            return false;
        };
        sum = step(sum, place, digit as u8);
    }
    !digits.is_empty() && sum == 0
}

fn step(sum: u8, place: usize, digit: u8) -> u8 {
    let permuted = PERMUTED[place % 8][usize::from(digit)];
    PRODUCT[usize::from(sum)][usize::from(permuted)]
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_textbook_number_checks() {
        assert_eq!(check_digit(236), 3);
        assert!(is_valid("2363"));
        assert!(!is_valid("2364"));
        assert!(!is_valid(""));
        assert!(!is_valid("23a3"));
    }

    #[test]
    fn a_wrong_digit_and_a_swap_are_seen() {
        for number in (10_000_000_000_u64..99_000_000_000).step_by(9_876_543_211) {
            let digits = format!("{number}{}", check_digit(number));
            assert!(is_valid(&digits));
            for place in 0..digits.len() {
                assert!(
                    !is_valid(&with_next_digit(&digits, place)),
                    "{digits} at {place}"
                );
            }
            for place in 1..digits.len() {
                let swapped = with_swap(&digits, place);
                assert!(swapped == digits || !is_valid(&swapped), "{swapped}");
            }
        }
    }

    fn with_next_digit(digits: &str, place: usize) -> String {
        let mut bytes = digits.as_bytes().to_vec();
        bytes[place] = b'0' + (bytes[place] - b'0' + 1) % 10;
        String::from_utf8(bytes).unwrap()
    }

    fn with_swap(digits: &str, place: usize) -> String {
        let mut bytes = digits.as_bytes().to_vec();
        bytes.swap(place - 1, place);
        String::from_utf8(bytes).unwrap()
    }
}
