//! The public address: whether this hub answers there under its name, and whether it learns who calls.

use reqwest::StatusCode;

use super::web::{self, reason};
use super::{Finding, Patient};
use crate::http::sight::Sight;

const OF: &str = "public_url";
const CALLERS: &str = "callers";
/// An address that nobody has (RFC 5737).
const NOBODY: &str = "192.0.2.1";

pub(super) async fn look(patient: &Patient) -> Vec<Finding> {
    let Some(site) = &patient.site else {
        return vec![Finding::warn(
            OF,
            "not known: http.listen has port 0",
            "set public_url or a port to have it looked at",
        )];
    };
    let client = match web::client() {
        Ok(client) => client,
        Err(error) => {
            return vec![Finding::wrong(
                OF,
                reason(&error),
                "the system's certificates may be missing",
            )];
        }
    };
    // It has the hub's own name in it, and is not answered for a foreign `Host`.
    let address = site.link("/.well-known/oauth-authorization-server");
    let answer = match client.get(&address).send().await {
        Ok(answer) => answer,
        Err(error) => {
            let todo = "is the hub running, and does the name lead here? If it is only from inside that this address cannot \
                        be reached, run doctor outside";
            return vec![Finding::wrong(
                OF,
                format!("{}: {}", site.issuer(), reason(&error)),
                todo,
            )];
        }
    };
    let status = answer.status();
    let about: Option<serde_json::Value> = answer.json().await.ok();
    let issuer = about.as_ref().and_then(|about| about["issuer"].as_str());
    if status != StatusCode::OK || issuer != Some(site.issuer()) {
        let todo = match status {
            StatusCode::OK => "something else answers there, or a hub with another public_url",
            StatusCode::MISDIRECTED_REQUEST => {
                "the proxy does not pass `Host` on (nginx: proxy_set_header Host $host)"
            }
            _ if status.is_redirection() => {
                "public_url must be the address that the proxy serves, not one that leads to it"
            }
            StatusCode::BAD_GATEWAY | StatusCode::SERVICE_UNAVAILABLE | StatusCode::GATEWAY_TIMEOUT => {
                "the proxy does not reach the hub: is http.listen where it looks?"
            }
            _ => "let the proxy pass every path of public_url to the hub",
        };
        return vec![Finding::wrong(OF, format!("{address} answers {status}"), todo)];
    }
    let mut found = vec![Finding::ok(OF, format!("{} is this hub", site.issuer()))];
    let seen = web::seen(patient, &client, None).await;
    let spoofed = web::seen(patient, &client, Some(NOBODY)).await;
    found.push(match (seen, spoofed) {
        (Some(seen), Some(spoofed)) => judge(&seen, &spoofed, site.url().scheme() == "https"),
        _ => Finding::warn(
            CALLERS,
            "the hub does not say whom it sees",
            "it has another secrets.master than this configuration, or is of an older release",
        ),
    });
    found
}

/// What is wrong with how the hub sees us; `spoofed` is the same with a trail that we made up.
fn judge(seen: &Sight, spoofed: &Sight, https: bool) -> Finding {
    let Sight { ip, peer, .. } = seen;
    if seen.forwarded && !seen.trusted {
        return Finding::wrong(
            CALLERS,
            format!(
                "the hub does not believe {peer}, which says for whom it asks: all people count as that address"
            ),
            format!("list it: http.trusted_proxies = [\"{peer}\"]"),
        );
    }
    if !seen.forwarded && (seen.trusted || https) {
        return Finding::wrong(
            CALLERS,
            format!("the hub takes all people for {peer}: the proxy does not say for whom it asks"),
            "let the proxy set X-Forwarded-For (nginx: proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for), and list it in \
             http.trusted_proxies",
        );
    }
    if !seen.certain {
        return Finding::wrong(
            CALLERS,
            format!("the hub cannot tell who calls: {peer} sets no readable X-Forwarded-For"),
            "let the proxy set X-Forwarded-For: Forwarded, X-Real-IP and the like are not read",
        );
    }
    if https && !seen.encrypted {
        return Finding::wrong(
            CALLERS,
            "the hub does not know that people use TLS, and refuses sockets",
            "let the proxy set X-Forwarded-Proto (nginx: proxy_set_header X-Forwarded-Proto $scheme)",
        );
    }
    // Nothing was added to what we made up.
    let passed_on = spoofed.trail.last().is_some_and(|line| line.trim() == NOBODY);
    if seen.forwarded && spoofed.trusted && passed_on {
        return Finding::wrong(
            CALLERS,
            "the proxy passes on an X-Forwarded-For that anybody can write: people may choose their address",
            "let the proxy add the caller's address to it, or put it in its place",
        );
    }
    Finding::ok(CALLERS, format!("the hub sees this machine as {ip}"))
}

#[cfg(test)]
mod tests {
    use super::super::Verdict;
    use super::*;

    fn sight(trusted: bool, trail: &[&str]) -> Sight {
        let forwarded = !trail.is_empty();
        Sight {
            ip: "203.0.113.9".to_owned(),
            peer: "10.0.0.1".to_owned(),
            trusted,
            forwarded,
            certain: trusted || !forwarded,
            encrypted: trusted && forwarded,
            trail: trail.iter().map(|&line| line.to_owned()).collect(),
        }
    }

    fn said(seen: &Sight, spoofed: &Sight, https: bool) -> Option<String> {
        let finding = judge(seen, spoofed, https);
        (finding.verdict == Verdict::Wrong).then_some(finding.todo)
    }

    #[test]
    fn each_way_to_lose_the_caller_is_told_from_the_others() {
        let good = sight(true, &["203.0.113.9"]);
        let appended = sight(true, &["192.0.2.1, 203.0.113.9"]);
        assert_eq!(said(&good, &appended, true), None);
        assert_eq!(
            said(&good, &good, true),
            None,
            "the proxy puts its own in its place"
        );
        let direct = sight(false, &[]);
        assert_eq!(
            said(&direct, &sight(false, &["192.0.2.1"]), false),
            None,
            "no proxy at all"
        );

        let passed_on = sight(true, &["192.0.2.1"]);
        assert!(
            said(&good, &passed_on, true)
                .unwrap()
                .contains("add the caller's address")
        );
        let unlisted = sight(false, &["203.0.113.9"]);
        assert!(said(&unlisted, &unlisted, true).unwrap().contains("10.0.0.1"));
        for silent in [sight(true, &[]), sight(false, &[])] {
            assert!(said(&silent, &silent, true).unwrap().contains("X-Forwarded-For"));
        }
        let mut unread = sight(true, &["203.0.113.9"]);
        unread.certain = false;
        assert!(said(&unread, &unread, true).unwrap().contains("not read"));
        let mut plain = sight(true, &["203.0.113.9"]);
        plain.encrypted = false;
        assert!(said(&plain, &plain, true).unwrap().contains("X-Forwarded-Proto"));
        assert_eq!(said(&plain, &appended, false), None);
    }
}
