//! The code of an error, as somebody else tells it: the browser on its way back, or the provider to whom the hub gives a
//! code. It stands in logs and audit rows, so only what can be one is repeated.

/// The longest that is repeated.
const LONGEST: usize = 64;

/// Whether a text may be the code of an error, and short enough to be repeated. RFC 6749 (4.1.2.1, 5.2) would have nearly all
/// of ASCII; the codes that there are need letters, digits and `_-.`.
#[must_use]
pub fn is_error_code(text: &str) -> bool {
    let plain = |c: char| c.is_ascii_alphanumeric() || "_-.".contains(c);
    (1..=LONGEST).contains(&text.len()) && text.chars().all(plain)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_only_what_can_be_a_code_is_repeated() {
        for code in [
            "invalid_scope",
            "consent_required",
            "AADSTS50105",
            &"x".repeat(64),
        ] {
            assert!(is_error_code(code), "{code}");
        }
        for other in ["", "two words", "<b>", "`b`", "a\nb", &"x".repeat(65), "é"] {
            assert!(!is_error_code(other), "{other:?}");
        }
    }
}
