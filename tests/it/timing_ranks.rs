//! T09: the arithmetic of `make timing` finds what is there, and nothing where nothing is.

#[path = "../../bench/swarm/timing/ranks.rs"]
mod ranks;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use ranks::{auc, standard_error};

#[track_caller]
fn is(found: f64, wanted: f64) {
    assert!((found - wanted).abs() < 1e-9, "{found} and not {wanted}");
}

#[test]
fn t09_lists_that_do_not_overlap_and_equal_ones_have_known_ranks() {
    is(auc(&[4.0, 5.0, 6.0], &[1.0, 2.0, 3.0]), 1.0);
    is(auc(&[1.0, 2.0, 3.0], &[4.0, 5.0, 6.0]), 0.0);
    is(auc(&[1.0, 1.0], &[1.0, 1.0, 1.0]), 0.5);
    // 7 of 12 pairs and two ties: 8 of 12, by hand.
    is(auc(&[1.0, 4.0, 4.0, 6.0], &[2.0, 4.0, 3.0]), 8.0 / 12.0);
    // By the normal approximation of U: sqrt(n m (n + m + 1) / 12) / (n m).
    is(standard_error(4, 3), (4.0 * 3.0 * 8.0 / 12.0_f64).sqrt() / 12.0);
}

/// As many samples as `make timing` takes, with noise that is much larger than what is to be found.
#[test]
fn t09_two_thousand_samples_tell_a_small_shift_from_none() {
    let mut lot = StdRng::seed_from_u64(1);
    let mut times = |shift: f64| -> Vec<f64> {
        (0..2000)
            .map(|_| shift + lot.random_range(0.0..1.0) + lot.random_range(0.0..1.0))
            .collect()
    };
    let (none, same, later) = (times(0.0), times(0.0), times(0.15));
    let error = standard_error(2000, 2000);
    assert!((auc(&same, &none) - 0.5).abs() < 4.0 * error);
    assert!(auc(&later, &none) > 0.55, "{}", auc(&later, &none));
}
