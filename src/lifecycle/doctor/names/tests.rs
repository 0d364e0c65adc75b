//! Names and certificates as they may be.

use super::{
    super::world::{settings, told},
    *,
};

/// Makes a door that all is well with.
fn door() -> Door {
    Door {
        name: "ccci-doctor.ci.example.org".to_owned(),
        addresses: Some(Ok(vec!["192.0.2.7".parse().unwrap()])),
        is_here: true,
        valid: Some(Ok(())),
        days: Some(60),
    }
}

/// Tells what follows from a door, with variables set.
fn judged(door: Door, pairs: &[(&str, &str)]) -> String {
    let pairs: Vec<_> = [("CCCI_BASE_DOMAIN", "ci.example.org")]
        .into_iter()
        .chain(pairs.iter().copied())
        .collect();
    let door = Some(door);
    let settings = settings(&pairs);
    told(&judge(&settings, Some(IngressKind::Proxy), Some(&door)))
}

#[test]
fn a_door_that_all_is_well_with_is_described() {
    insta::assert_snapshot!(judged(door(), &[]), @"
    ok names: ccci-doctor.ci.example.org is 192.0.2.7
    ok certificate: valid for ccci-doctor.ci.example.org, for 60 more days
    ");
}

#[test]
fn an_address_elsewhere_is_a_note_and_none_a_failure() {
    let away = Door {
        is_here: false,
        ..door()
    };
    insta::assert_snapshot!(judged(away, &[]).lines().next().unwrap(), @"note names: ccci-doctor.ci.example.org is 192.0.2.7, not an address of this machine");
    let none = Door {
        addresses: Some(Err("failed to lookup address information".to_owned())),
        valid: None,
        days: None,
        ..door()
    };
    insta::assert_snapshot!(judged(none, &[]), @"
    fail names: ccci-doctor.ci.example.org has no address: failed to lookup address information => make a DNS record for `*.ci.example.org`, or set `server.resolve-to` to the proxy's address
    unknown certificate: there is nobody to ask for it
    ");
}

#[test]
fn a_setting_takes_the_place_of_the_domain_name_system() {
    let given = Door {
        addresses: None,
        ..door()
    };
    let text = judged(given, &[("CCCI_RESOLVE_TO", "192.0.2.9:8443")]);
    insta::assert_snapshot!(text.lines().next().unwrap(), @"ok names: not needed: requests go to 192.0.2.9");
}

#[test]
fn a_certificate_that_ends_soon_is_a_warning_and_a_wrong_one_a_failure() {
    let soon = Door {
        days: Some(13),
        ..door()
    };
    insta::assert_snapshot!(judged(soon, &[]).lines().last().unwrap(), @"warning certificate: valid for ccci-doctor.ci.example.org, and for 13 more days only => renew it, and look why that did not happen by itself");
    let host = "ccci-doctor.ci.example.org".to_owned();
    let wrong = Door {
        valid: Some(Err(Error::Certificate {
            host: host.clone(),
            cause: "not valid for name".to_owned(),
        })),
        ..door()
    };
    insta::assert_snapshot!(judged(wrong, &[]).lines().last().unwrap(), @"fail certificate: no valid certificate for ccci-doctor.ci.example.org: the certificate of `ccci-doctor.ci.example.org` is not valid: not valid for name => give the proxy a certificate for all names below the base domain, or set `server.ca-file` to who signed it");
    let away = Door {
        valid: Some(Err(Error::Refused {
            host,
            cause: "Connection refused".to_owned(),
        })),
        ..door()
    };
    insta::assert_snapshot!(judged(away, &[]).lines().last().unwrap(), @"fail certificate: no valid certificate for ccci-doctor.ci.example.org: failed to connect to `ccci-doctor.ci.example.org`: Connection refused => start the proxy, or set `server.resolve-to` to where it is");
}

#[test]
fn without_a_proxy_neither_name_nor_certificate_is_needed() {
    let (settings, door) = (settings(&[]), Some(door()));
    let direct = judge(&settings, Some(IngressKind::Direct), Some(&door));
    let unasked = judge(&settings, Some(IngressKind::Proxy), Some(&None));
    let unknown = judge(&settings, None, Some(&door));
    assert_eq!([direct, unasked, unknown].concat(), []);
}

#[test]
fn what_gave_no_answer_in_time_is_not_checked() {
    let late = judge(&settings(&[]), Some(IngressKind::Proxy), None);
    insta::assert_snapshot!(told(&late), @"
    unknown names: no answer in time
    unknown certificate: no answer in time
    ");
}
