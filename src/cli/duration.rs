//! Durations as operators write them: `90d`, `12h`, `30m`, `45s`.

use std::time::Duration;

/// A century: longer than any key should live, and short enough for any clock.
const LONGEST: u64 = 36_500 * 86_400;

/// Reads a whole number and its unit (`s`, `m`, `h`, `d`, `w`).
pub(super) fn parse(text: &str) -> Result<Duration, String> {
    let wanted = || "write a number and a unit, as in 90d, 12h, 30m or 45s".to_owned();
    let unit = text.chars().last().ok_or_else(wanted)?;
    let scale = match unit {
        's' => 1,
        'm' => 60,
        'h' => 3_600,
        'd' => 86_400,
        'w' => 7 * 86_400,
        _ => return Err(wanted()),
    };
    let digits = &text[..text.len() - unit.len_utf8()];
    if !digits.chars().all(|c| c.is_ascii_digit()) {
        return Err(wanted());
    }
    let number: u64 = digits.parse().map_err(|_| wanted())?;
    match number.checked_mul(scale) {
        Some(seconds @ 1..=LONGEST) => Ok(Duration::from_secs(seconds)),
        _ => Err("must be longer than 0 and at most 36500d".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_duration_is_a_number_and_its_unit() {
        for (text, seconds) in [
            ("45s", 45),
            ("30m", 1_800),
            ("12h", 43_200),
            ("90d", 7_776_000),
            ("2w", 1_209_600),
        ] {
            assert_eq!(parse(text), Ok(Duration::from_secs(seconds)), "{text}");
        }
        for text in [
            "",
            "d",
            "90",
            "0d",
            "-1d",
            "+1d",
            "1.5h",
            "90 d",
            "1y",
            "9é",
            "99999999999999999999d",
            "36501d",
        ] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
