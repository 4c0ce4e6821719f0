//! How many files may be open: each socket is one.

use rustix::process::{Resource, getrlimit};

use super::{Finding, Patient};
use crate::config::Env;

const OF: &str = "open files";
/// Those that are not for sockets, generously.
const OTHERS: u64 = 256;
/// Fewer than these are seldom meant where people come.
const FEW: u64 = 4_096;

pub(super) fn look(patient: &Patient) -> Vec<Finding> {
    // The server raises its own limit as far as the system lets it.
    let most = getrlimit(Resource::Nofile).maximum.unwrap_or(u64::MAX);
    let wanted = patient.config.hub.max_connections.map(|wanted| wanted as u64);
    let production = patient.config.env == Env::Production;
    vec![judge(most, wanted, production)]
}

fn judge(most: u64, wanted: Option<u64>, production: bool) -> Finding {
    let raise = "raise the hard limit: `LimitNOFILE=` of systemd, `ulimits:` of compose, /etc/security/limits.conf; the limit \
                 of this shell may be another than the service's";
    let room = most.saturating_sub(OTHERS);
    match wanted {
        Some(wanted) if wanted > room => Finding::wrong(
            OF,
            format!("{most} at most, and hub.max_connections wants {wanted} sockets"),
            raise,
        ),
        None if production && most < FEW => Finding::warn(
            OF,
            format!("{most} at most, so there is room for about {room} sockets"),
            raise,
        ),
        _ if most == u64::MAX => Finding::ok(OF, "no limit"),
        _ => Finding::ok(OF, format!("{most} at most")),
    }
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    #[test]
    fn sockets_that_do_not_fit_are_wrong_and_few_are_a_warning() {
        assert_eq!(judge(1024, Some(1000), false).verdict, Verdict::Wrong);
        assert_eq!(judge(1024, Some(500), true).verdict, Verdict::Ok);
        assert_eq!(judge(1024, None, true).verdict, Verdict::Warn);
        assert_eq!(judge(1024, None, false).verdict, Verdict::Ok);
        assert_eq!(judge(u64::MAX, Some(100_000), true).verdict, Verdict::Ok);
    }
}
