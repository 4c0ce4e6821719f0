//! One line of text that somebody outside chose, and that others will see: in a page, a mail, a terminal or a log.

/// Whether `c` controls what shows the text, ends its line, or turns the direction of what stands around it.
#[must_use]
pub fn is_unsafe(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn t15_what_ends_a_line_or_turns_it_is_unsafe_and_no_letter_is() {
        for c in "\0\t\r\n\u{1b}\u{7f}\u{85}\u{9b}\u{2028}\u{2029}\u{202e}\u{2066}".chars() {
            assert!(is_unsafe(c), "{c:?}");
        }
        for c in "aЖé漢 '-.\u{200d}👩".chars() {
            assert!(!is_unsafe(c), "{c:?}");
        }
    }
}
