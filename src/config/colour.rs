//! A colour, and whether one can be read on another (WCAG 2.2, 1.4.3).

use std::fmt;

use super::raw::Raw;
use super::setting::Setting;

/// The least contrast of text of an ordinary size.
pub const READABLE: f64 = 4.5;

/// A colour of the web.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Colour([u8; 3]);

impl Colour {
    /// Nothing is lighter.
    pub const WHITE: Self = Self([255; 3]);
    /// Nothing is darker.
    pub const BLACK: Self = Self([0; 3]);

    /// Of red, green and blue, as in `0x5b34b5`.
    #[must_use]
    pub const fn of(rgb: u32) -> Self {
        let [_, red, green, blue] = rgb.to_be_bytes();
        Self([red, green, blue])
    }

    /// `#rrggbb`.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        let digits = text.strip_prefix('#')?;
        let plain = digits.len() == 6 && digits.chars().all(|c| c.is_ascii_hexdigit());
        let rgb = u32::from_str_radix(digits, 16).ok();
        rgb.filter(|_| plain).map(Self::of)
    }

    /// `part` of `other` in it: 0 is this one, 1 the other.
    #[must_use]
    pub fn mixed(self, other: Self, part: f64) -> Self {
        let mix = |at: usize| {
            let (own, its) = (f64::from(self.0[at]), f64::from(other.0[at]));
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "between two numbers of a byte"
            )]
            let mixed = (own + (its - own) * part).round() as u8;
            mixed
        };
        Self([mix(0), mix(1), mix(2)])
    }

    /// 1, where one cannot be told from the other, to 21.
    #[must_use]
    pub fn contrast(self, other: Self) -> f64 {
        let (one, two) = (self.luminance(), other.luminance());
        (one.max(two) + 0.05) / (one.min(two) + 0.05)
    }

    /// As WCAG defines it, of sRGB.
    fn luminance(self) -> f64 {
        let [red, green, blue] = self.0.map(|part| {
            let part = f64::from(part) / 255.0;
            if part <= 0.04045 {
                part / 12.92
            } else {
                ((part + 0.055) / 1.055).powf(2.4)
            }
        });
        0.2126 * red + 0.7152 * green + 0.0722 * blue
    }
}

impl fmt::Display for Colour {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let [red, green, blue] = self.0;
        write!(f, "#{red:02x}{green:02x}{blue:02x}")
    }
}

impl Setting for Option<Colour> {
    const WANTED: &'static str = "write a colour as in #0b5cad";

    fn read(raw: &Raw) -> Option<Self> {
        match raw.text()?.trim() {
            "" => Some(None),
            text => Colour::parse(text).map(Some),
        }
    }

    fn show(&self) -> serde_json::Value {
        self.map_or(serde_json::Value::Null, |colour| colour.to_string().into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn contrast_is_that_of_wcag() {
        // Figures of the standard's own examples and of public calculators.
        for (one, two, ratio) in [
            (0x00_0000, 0xff_ffff, 21.0),
            (0x77_7777, 0xff_ffff, 4.48),
            (0x76_7676, 0xff_ffff, 4.54),
            (0xff_0000, 0xff_ffff, 4.00),
            (0x00_00ff, 0xff_ffff, 8.59),
            (0x12_3456, 0x12_3456, 1.0),
        ] {
            let found = Colour::of(one).contrast(Colour::of(two));
            assert!((found - ratio).abs() < 0.005, "{one:06x} {two:06x}: {found}");
        }
    }

    #[test]
    fn only_six_digits_are_a_colour() {
        assert_eq!(Colour::parse("#0b5cAD"), Some(Colour::of(0x0b_5cad)));
        assert_eq!(Colour::of(0x0b_5cad).to_string(), "#0b5cad");
        for text in [
            "",
            "#",
            "#fff",
            "0b5cad",
            "#0b5cad0",
            "#0b5ca",
            "#+b5cad",
            "#0b5cag",
            "red",
            "#\u{ff10}b5cad",
        ] {
            assert_eq!(Colour::parse(text), None, "{text}");
        }
    }
}
