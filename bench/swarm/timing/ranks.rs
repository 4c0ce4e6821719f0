//! The rank statistic of Mann and Whitney: what two lists of times tell apart, whatever their distributions are.
//! `tests/it/timing_ranks.rs` checks it.

/// Of all pairs, the share in which the one of `first` is greater than the one of `second`; equal ones count
/// half. The area under the curve of a classifier by threshold: 0.5 when nothing tells the lists apart.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of some thousands, and their products"
)]
pub fn auc(first: &[f64], second: &[f64]) -> f64 {
    let mut second = second.to_vec();
    second.sort_by(f64::total_cmp);
    let halves: usize = first
        .iter()
        .map(|value| {
            let below = second.partition_point(|other| other < value);
            let not_above = second.partition_point(|other| other <= value);
            below + not_above
        })
        .sum();
    halves as f64 / (2 * first.len() * second.len()) as f64
}

/// How far [`auc`] strays from 0.5 by chance where nothing tells the lists apart.
#[expect(
    clippy::cast_precision_loss,
    reason = "counts of some thousands, and their products"
)]
pub fn standard_error(first: usize, second: usize) -> f64 {
    ((first + second + 1) as f64 / (12 * first * second) as f64).sqrt()
}
