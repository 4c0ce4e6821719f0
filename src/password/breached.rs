//! Passwords that became known when other sites were broken into (OWASP ASVS 6.2.12): a file of the operator's,
//! searched on disk.
//!
//! Its form is that of Have I Been Pwned's download, ordered by hash: a line `SHA-1:count` for each password,
//! some forty gigabytes of them. Nothing of it is loaded; a search reads about thirty short pieces, and neither the
//! password nor its hash leaves the machine. Called by the hasher, on its cores.

use std::cmp::Ordering;
use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use aws_lc_rs::digest;
use data_encoding::HEXUPPER_PERMISSIVE;

/// The longest line in bytes, its end included; 40 digits, a colon and a count of eight are 51.
const MAX_LINE: usize = 64;
/// How many places are looked at before a file is believed to be what it should be.
const SAMPLES: u64 = 64;

/// A file that cannot serve as the list, and what to do about it.
#[derive(Debug, thiserror::Error)]
#[error("{} {problem}", .path.display())]
pub struct Unfit {
    path: PathBuf,
    problem: String,
}

/// The list served at the start, and does not any more: it was truncated or written over, or the disk fails.
///
/// It does not say where: the place would tell what the password's hash begins with.
#[derive(Debug, thiserror::Error)]
#[error(
    "the list of breached passwords can no longer be read ({0}); put a whole one in its place and restart"
)]
pub struct Unreadable(io::ErrorKind);

/// The list.
#[derive(Debug)]
pub struct Breached {
    file: File,
    length: u64,
}

/// Where a line begins, where the next one does, and its hash.
struct Line {
    start: u64,
    end: u64,
    hash: [u8; digest::SHA1_OUTPUT_LEN],
}

impl Breached {
    /// Opens the list, and looks at some lines all over it.
    ///
    /// # Errors
    /// When it cannot be read, has another form, or is in another order.
    pub fn open(path: &Path) -> Result<Self, Unfit> {
        let unfit = |problem: String| Unfit {
            path: path.to_owned(),
            problem,
        };
        let unreadable = |error: io::Error| unfit(format!("cannot be read: {error}"));
        // Asked first, because opening a pipe would wait for whoever writes to it.
        let found = std::fs::metadata(path).map_err(unreadable)?;
        if !found.is_file() {
            return Err(unfit("is not a file".to_owned()));
        }
        let list = Self {
            file: File::open(path).map_err(unreadable)?,
            length: found.len(),
        };
        list.check().map_err(unfit)?;
        Ok(list)
    }

    fn check(&self) -> Result<(), String> {
        let last = self.length.checked_sub(1).ok_or("is empty")?;
        let mut before = [0; digest::SHA1_OUTPUT_LEN];
        for sample in 0..SAMPLES {
            let place = last.saturating_mul(sample) / (SAMPLES - 1);
            let line = self.line_at(place).map_err(|error| match error.kind() {
                io::ErrorKind::InvalidData => format!(
                    "has no line `SHA-1:count` (40 hexadecimal digits, a colon, a number) at byte {place}: it is another list, or was not downloaded to its end"
                ),
                _ => format!("cannot be read: {error}"),
            })?;
            if line.hash < before {
                return Err(format!(
                    "is not ordered by hash: the line at byte {} belongs before others in front of it; `LC_ALL=C sort` puts them in order",
                    line.start
                ));
            }
            before = line.hash;
        }
        Ok(())
    }

    /// Whether `text` is in the list, exactly as it is.
    pub(super) fn contains(&self, text: &str) -> Result<bool, Unreadable> {
        let wanted = digest::digest(&digest::SHA1_FOR_LEGACY_USE_ONLY, text.as_bytes());
        // A line that has it begins within these.
        let (mut low, mut high) = (0, self.length);
        while low < high {
            let line = self.line_at(low + (high - low) / 2);
            let line = line.map_err(|error| Unreadable(error.kind()))?;
            match line.hash.as_slice().cmp(wanted.as_ref()) {
                Ordering::Equal => return Ok(true),
                Ordering::Less => low = line.end,
                Ordering::Greater => high = line.start,
            }
        }
        Ok(false)
    }

    /// The line that the byte at `place` belongs to; `InvalidData` when there is none of the form.
    fn line_at(&self, place: u64) -> io::Result<Line> {
        let mut buffer = [0; 2 * MAX_LINE];
        let middle = usize::try_from(place).map_or(MAX_LINE, |place| place.min(MAX_LINE));
        let from = place - middle as u64;
        let left = usize::try_from(self.length - from).unwrap_or(usize::MAX);
        let window = &mut buffer[..left.min(2 * MAX_LINE)];
        self.file.read_exact_at(window, from)?;
        let (before, behind) = window.split_at(middle);
        let start = match before.iter().rposition(|byte| *byte == b'\n') {
            Some(newline) => newline + 1,
            None if from == 0 => 0,
            None => return Err(io::ErrorKind::InvalidData.into()),
        };
        let end = match behind.iter().position(|byte| *byte == b'\n') {
            Some(newline) => middle + newline + 1,
            // The last line may end with the file.
            None if left == window.len() => left,
            None => return Err(io::ErrorKind::InvalidData.into()),
        };
        let hash = hash_of(&window[start..end]).ok_or(io::ErrorKind::InvalidData)?;
        Ok(Line {
            start: from + start as u64,
            end: from + end as u64,
            hash,
        })
    }
}

/// The hash of a line `SHA-1:count`, with either kind of line's end or none.
fn hash_of(line: &[u8]) -> Option<[u8; digest::SHA1_OUTPUT_LEN]> {
    let line = line.strip_suffix(b"\n").unwrap_or(line);
    let line = line.strip_suffix(b"\r").unwrap_or(line);
    let (hash, count) = line.split_at_checked(2 * digest::SHA1_OUTPUT_LEN)?;
    let digits = count.strip_prefix(b":")?;
    if digits.is_empty() || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    HEXUPPER_PERMISSIVE.decode(hash).ok()?.try_into().ok()
}

#[cfg(test)]
mod tests;
