//! Whose address a request has, in every way that headers can be bent.

use super::*;
use axum::http::{HeaderName, HeaderValue};

fn client(peer: &str, lines: &[(&str, &str)]) -> Client {
    let trusted: Vec<IpNet> = ["10.0.0.0/8", "2001:db8:f::/48"]
        .iter()
        .map(|net| net.parse().unwrap())
        .collect();
    let mut headers = HeaderMap::new();
    for (name, value) in lines {
        headers.append(
            HeaderName::from_bytes(name.as_bytes()).unwrap(),
            HeaderValue::from_bytes(value.as_bytes()).unwrap(),
        );
    }
    Client::locate(peer.parse().unwrap(), &headers, &trusted, "r".into())
}

const XFF: &str = "x-forwarded-for";

#[test]
fn t13_the_address_is_the_right_most_hop_that_is_not_trusted() {
    // peer, X-Forwarded-For lines, the address, whether it is certain
    let matrix: &[(&str, &[&str], &str, bool)] = &[
        ("198.51.100.7", &[], "198.51.100.7", true),
        ("198.51.100.7", &["127.0.0.1"], "198.51.100.7", false),
        ("198.51.100.7", &["127.0.0.1, 10.0.0.1"], "198.51.100.7", false),
        ("127.0.0.1", &["203.0.113.9"], "127.0.0.1", false),
        ("::ffff:198.51.100.7", &[], "198.51.100.7", true),
        ("10.0.0.1", &[], "10.0.0.1", true),
        ("10.0.0.1", &["203.0.113.9"], "203.0.113.9", true),
        ("::ffff:10.0.0.1", &["203.0.113.9"], "203.0.113.9", true),
        ("10.0.0.1", &["127.0.0.1, 203.0.113.9"], "203.0.113.9", true),
        ("10.0.0.1", &["127.0.0.1", "203.0.113.9"], "203.0.113.9", true),
        ("10.0.0.1", &["203.0.113.9, 10.1.1.1"], "203.0.113.9", true),
        ("10.0.0.1", &["203.0.113.9", "10.1.1.1"], "203.0.113.9", true),
        (
            "10.0.0.1",
            &["1.1.1.1, 203.0.113.9, 10.2.2.2, 10.1.1.1"],
            "203.0.113.9",
            true,
        ),
        ("10.0.0.1", &["10.3.3.3"], "10.3.3.3", true),
        ("10.0.0.1", &["10.3.3.3, 10.2.2.2"], "10.3.3.3", true),
        ("10.0.0.1", &["garbage"], "10.0.0.1", false),
        ("10.0.0.1", &["127.0.0.1, garbage"], "10.0.0.1", false),
        ("10.0.0.1", &["127.0.0.1, garbage, 10.1.1.1"], "10.1.1.1", false),
        ("10.0.0.1", &["garbage, 203.0.113.9"], "203.0.113.9", true),
        ("10.0.0.1", &[""], "10.0.0.1", false),
        ("10.0.0.1", &["203.0.113.9,"], "10.0.0.1", false),
        ("10.0.0.1", &["203.0.113.9,,10.1.1.1"], "10.1.1.1", false),
        ("10.0.0.1", &["127.0.0.1, \u{fc}"], "10.0.0.1", false),
        ("10.0.0.1", &["  203.0.113.9\t"], "203.0.113.9", true),
        ("10.0.0.1", &["203.0.113.9:4711"], "203.0.113.9", true),
        ("10.0.0.1", &["[2001:db8::1]:4711"], "2001:db8::1", true),
        ("10.0.0.1", &["[2001:db8::1]"], "2001:db8::1", true),
        ("10.0.0.1", &["::ffff:203.0.113.9"], "203.0.113.9", true),
        (
            "10.0.0.1",
            &["127.0.0.1, ::ffff:203.0.113.9"],
            "203.0.113.9",
            true,
        ),
        ("10.0.0.1", &["203.0.113.9, ::ffff:10.1.1.1"], "203.0.113.9", true),
        ("10.0.0.1", &["unknown"], "10.0.0.1", false),
        ("10.0.0.1", &["0x7f000001"], "10.0.0.1", false),
        ("10.0.0.1", &["2130706433"], "10.0.0.1", false),
        ("10.0.0.1", &["127.1"], "10.0.0.1", false),
        ("10.0.0.1", &["fe80::1%eth0"], "10.0.0.1", false),
        ("2001:db8:f::1", &["2001:db8:1::5"], "2001:db8:1::5", true),
        (
            "2001:db8:f::1",
            &["2001:db8:1::5, 2001:db8:f:1::2, 10.9.9.9"],
            "2001:db8:1::5",
            true,
        ),
        ("2001:db8:e::1", &["2001:db8:1::5"], "2001:db8:e::1", false),
    ];
    for (peer, lines, ip, certain) in matrix {
        let lines: Vec<_> = lines.iter().map(|line| (XFF, *line)).collect();
        let found = client(peer, &lines);
        assert_eq!(
            (found.ip.to_string().as_str(), found.certain),
            (*ip, *certain),
            "{peer} {lines:?}"
        );
    }
}

#[test]
fn t13_no_other_header_moves_the_address_and_each_of_them_makes_it_uncertain() {
    let others = [
        "via",
        "x-real-ip",
        "true-client-ip",
        "cf-connecting-ip",
        "client-ip",
    ];
    let forwarding = [
        "forwarded",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-anything",
    ];
    for name in forwarding.into_iter().chain(others) {
        let found = client("127.0.0.1", &[(name, "for=203.0.113.9")]);
        assert_eq!(found.ip.to_string(), "127.0.0.1", "{name}");
        assert!(!found.is_inside(&["127.0.0.0/8".parse().unwrap()]), "{name}");
        // A trusted proxy that lays its trail elsewhere leaves the caller unknown.
        assert!(
            !client("10.0.0.1", &[(name, "for=203.0.113.9")]).certain,
            "{name}"
        );
    }
    for name in others {
        let alone = client("10.0.0.1", &[(name, "127.0.0.1")]);
        assert_eq!(alone.ip.to_string(), "10.0.0.1", "{name}");
        // Beside the trail that is read it changes nothing.
        let beside = client("10.0.0.1", &[(name, "127.0.0.1"), (XFF, "203.0.113.9")]);
        assert_eq!(
            (beside.ip.to_string().as_str(), beside.certain),
            ("203.0.113.9", true),
            "{name}"
        );
    }
}

#[test]
fn t02_only_a_trusted_proxy_can_say_that_the_caller_used_tls() {
    let proto = "x-forwarded-proto";
    assert!(client("10.0.0.1", &[(proto, "https")]).is_encrypted);
    assert!(client("10.0.0.1", &[(proto, "HTTPS, https")]).is_encrypted);
    for (peer, says) in [
        ("127.0.0.1", "https"),
        ("10.0.0.1", "http"),
        ("10.0.0.1", "http, https"),
        ("10.0.0.1", "https, http"),
        ("10.0.0.1", ""),
        ("10.0.0.1", "wss"),
    ] {
        assert!(!client(peer, &[(proto, says)]).is_encrypted, "{peer} {says}");
    }
    assert!(!client("10.0.0.1", &[]).is_encrypted);
}

#[test]
fn the_list_of_managers_counts_mapped_addresses_as_ipv4() {
    let loopback: Vec<IpNet> = vec!["127.0.0.0/8".parse().unwrap(), "::1/128".parse().unwrap()];
    for peer in ["127.0.0.1", "127.9.9.9", "::1", "::ffff:127.0.0.1"] {
        assert!(client(peer, &[]).is_inside(&loopback), "{peer}");
    }
    for peer in ["128.0.0.1", "::2", "::ffff:128.0.0.1"] {
        assert!(!client(peer, &[]).is_inside(&loopback), "{peer}");
    }
}

#[test]
fn t15_a_user_agent_is_cut_and_holds_no_control_characters() {
    let agent = format!("a\tb{}", "c".repeat(400));
    let found = client("127.0.0.1", &[("user-agent", &agent)]).user_agent.unwrap();
    assert!(found.starts_with("abcc") && found.len() == MAX_USER_AGENT);
}
