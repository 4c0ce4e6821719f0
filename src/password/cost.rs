//! What verifying a hash of other software costs, and how much of it is borne. Called by `foreign` and `mix`.
//!
//! The bounds keep one sign-in near a second of one core and 256 MiB. They are far above what the software
//! concerned does by default: Django's 1,500,000 iterations, bcrypt's 12 rounds, scrypt's 128 MiB (OWASP).

use std::fmt;
use std::hint::black_box;
use std::num::NonZeroU32;
use std::str::FromStr;

use argon2::{Algorithm, Argon2, Params, Version};
use aws_lc_rs::pbkdf2;

use super::memory::Memory;

/// The most iterations of PBKDF2.
const MAX_ITERATIONS: u32 = 4_000_000;
/// The most rounds of bcrypt, as an exponent of 2; the least is 4.
const MAX_ROUNDS: u32 = 14;
/// The most memory in KiB.
const MAX_MEMORY: u64 = 256 * 1024;
/// The most memory in KiB times passes over it.
const MAX_WORK: u64 = 1024 * 1024;
/// The most lanes of argon2.
const MAX_LANES: u32 = 16;

/// The algorithm and its parameters: two hashes of one cost take the same time.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Cost {
    Pbkdf2 {
        iterations: u32,
    },
    Bcrypt {
        /// Exponent of 2.
        rounds: u32,
    },
    Scrypt {
        /// Exponent of 2.
        log_n: u8,
        r: u32,
        p: u32,
    },
    Argon2 {
        /// KiB.
        memory: u32,
        passes: u32,
        lanes: u32,
    },
}

impl Cost {
    /// `Err` says which bound it passes.
    pub(super) fn check(self) -> Result<(), String> {
        match self {
            Self::Pbkdf2 { iterations } => bound("iterations", iterations.into(), MAX_ITERATIONS.into()),
            Self::Bcrypt { rounds } => bound("rounds (an exponent of 2)", rounds.into(), MAX_ROUNDS.into()),
            Self::Scrypt { log_n, r, p } => {
                // 128 · N · r bytes; the exponent is cut so that nothing overflows.
                let blocks = (1_u64 << log_n.min(40)).saturating_mul(r.into());
                let memory = blocks / 8;
                bound("KiB of memory", memory, MAX_MEMORY)?;
                bound("KiB of memory times p", memory.saturating_mul(p.into()), MAX_WORK)?;
                // What is small in N and large in r and p costs as well.
                bound(
                    "KiB in blocks of r and p",
                    u64::from(r).saturating_mul(p.into()) / 8,
                    MAX_MEMORY,
                )
            }
            Self::Argon2 {
                memory,
                passes,
                lanes,
            } => {
                let (memory, passes) = (u64::from(memory), u64::from(passes));
                bound("KiB of memory", memory, MAX_MEMORY)?;
                bound(
                    "KiB of memory times passes",
                    memory.saturating_mul(passes),
                    MAX_WORK,
                )?;
                bound("lanes", lanes.into(), MAX_LANES.into())
            }
        }
    }

    /// Does the work of one verification, for nothing: a sign-in of nobody must take as long as one of somebody.
    pub(super) fn spend(self, typed: &[u8], memory: &Memory) {
        let (salt, mut out) = ([0; 16], [0; 32]);
        match self {
            Self::Pbkdf2 { iterations } => {
                if let Some(iterations) = NonZeroU32::new(iterations) {
                    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, iterations, &salt, typed, &mut out);
                }
            }
            Self::Bcrypt { rounds } => drop(black_box(bcrypt::hash_with_salt(typed, rounds, salt))),
            Self::Scrypt { log_n, r, p } => {
                if let Ok(params) = scrypt::Params::new(log_n, r, p) {
                    let _ = scrypt::scrypt(typed, &salt, &params, &mut out);
                }
            }
            Self::Argon2 {
                memory: size,
                passes,
                lanes,
            } => {
                if let Ok(params) = Params::new(size, passes, lanes, None) {
                    let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params.clone());
                    memory.lend(&params, |blocks| {
                        let _ = argon2.hash_password_into_with_memory(typed, &salt, &mut out, blocks);
                    });
                }
            }
        }
        black_box(out);
    }
}

fn bound(what: &str, is: u64, most: u64) -> Result<(), String> {
    if is <= most {
        return Ok(());
    }
    Err(format!("{is} {what}; at most {most} are taken"))
}

/// The form in which it stands in front of a stored hash: at most 32 characters within the bounds.
impl fmt::Display for Cost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Pbkdf2 { iterations } => write!(f, "pbkdf2 {iterations}"),
            Self::Bcrypt { rounds } => write!(f, "bcrypt {rounds}"),
            Self::Scrypt { log_n, r, p } => write!(f, "scrypt {log_n} {r} {p}"),
            Self::Argon2 {
                memory,
                passes,
                lanes,
            } => write!(f, "argon2 {memory} {passes} {lanes}"),
        }
    }
}

impl FromStr for Cost {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let mut words = text.split_whitespace();
        let name = words.next().ok_or(())?;
        let numbers: Vec<u32> = words.map(str::parse).collect::<Result<_, _>>().map_err(|_| ())?;
        let cost = match (name, numbers.as_slice()) {
            ("pbkdf2", &[iterations]) => Self::Pbkdf2 { iterations },
            ("bcrypt", &[rounds]) => Self::Bcrypt { rounds },
            ("scrypt", &[log_n, r, p]) => Self::Scrypt {
                log_n: u8::try_from(log_n).map_err(|_| ())?,
                r,
                p,
            },
            ("argon2", &[memory, passes, lanes]) => Self::Argon2 {
                memory,
                passes,
                lanes,
            },
            _ => return Err(()),
        };
        // What the database says is not believed either.
        cost.check().map_err(|_| ())?;
        Ok(cost)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cost_is_read_back_from_what_is_stored() {
        for cost in [
            Cost::Pbkdf2 {
                iterations: MAX_ITERATIONS,
            },
            Cost::Bcrypt { rounds: 12 },
            Cost::Scrypt {
                log_n: 17,
                r: 8,
                p: 1,
            },
            Cost::Argon2 {
                memory: 262_144,
                passes: 4,
                lanes: MAX_LANES,
            },
        ] {
            assert_eq!(cost.to_string().parse(), Ok(cost));
        }
        for text in [
            "",
            "md5 1",
            "bcrypt",
            "bcrypt 31",
            "bcrypt 10 1",
            "scrypt 300 8 1",
        ] {
            assert_eq!(text.parse::<Cost>(), Err(()), "{text}");
        }
    }

    #[test]
    fn t12_what_would_cost_more_than_its_bound_is_named() {
        for (cost, said) in [
            (
                Cost::Pbkdf2 {
                    iterations: 4_000_001,
                },
                "4000001 iterations; at most 4000000",
            ),
            (Cost::Bcrypt { rounds: 15 }, "at most 14"),
            (
                Cost::Scrypt {
                    log_n: 19,
                    r: 8,
                    p: 1,
                },
                "at most 262144",
            ),
            (
                Cost::Scrypt {
                    log_n: 63,
                    r: u32::MAX,
                    p: u32::MAX,
                },
                "at most 262144",
            ),
            (
                Cost::Scrypt {
                    log_n: 17,
                    r: 8,
                    p: 9,
                },
                "at most 1048576",
            ),
            (
                Cost::Scrypt {
                    log_n: 1,
                    r: 1024,
                    p: 4096,
                },
                "at most 262144",
            ),
            (
                Cost::Argon2 {
                    memory: 262_145,
                    passes: 1,
                    lanes: 1,
                },
                "at most 262144",
            ),
            (
                Cost::Argon2 {
                    memory: 262_144,
                    passes: 5,
                    lanes: 1,
                },
                "at most 1048576",
            ),
            (
                Cost::Argon2 {
                    memory: 1024,
                    passes: 1,
                    lanes: 17,
                },
                "at most 16",
            ),
        ] {
            let problem = cost.check().unwrap_err();
            assert!(problem.contains(said), "{cost:?}: {problem}");
        }
    }
}
