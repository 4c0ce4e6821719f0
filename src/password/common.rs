//! The passwords that guessers try first (OWASP ASVS 6.2.4), as fingerprints. Called by the policy.
//!
//! `scripts/common-passwords` makes the list from `SecLists` (MIT), common ones first: 20,000 of at least 8
//! characters, and 10,000 of at least 12. Fingerprints are compact, and keep what people
//! once typed, obscenities and addresses included, out of the source.

use aws_lc_rs::digest;

/// Bytes of a fingerprint. A password that is not common matches one of 30,000 by chance once in 30 million.
const WIDTH: usize = 5;
/// Sorted.
const LIST: &[u8] = include_bytes!("common.bin");

/// Whether `text` is a common password, in whatever case it is written.
pub(super) fn is_common(text: &str) -> bool {
    let hash = digest::digest(&digest::SHA256, text.to_lowercase().as_bytes());
    let (list, _) = LIST.as_chunks::<WIDTH>();
    list.binary_search_by(|entry| entry.as_slice().cmp(&hash.as_ref()[..WIDTH]))
        .is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_list_is_whole_and_sorted() {
        let (list, rest) = LIST.as_chunks::<WIDTH>();
        assert!(rest.is_empty());
        assert!(list.len() > 25_000, "{}", list.len());
        assert!(list.is_sorted());
    }

    #[test]
    fn common_passwords_are_known_in_any_case_and_others_are_not() {
        for text in ["password", "1q2w3e4r5t6y", "QWERTY123456", "1qaz2wsx3edc4rfv"] {
            assert!(is_common(text), "{text}");
        }
        for text in ["", "plinth gravel otter quench", "1q2w3e4r5t6y "] {
            assert!(!is_common(text), "{text}");
        }
    }
}
