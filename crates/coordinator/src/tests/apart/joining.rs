//! How a matcher joins the project of another operator.

use std::fs;
use std::sync::Arc;

use model::SystemClock;
use wire::Role;
use wire::pki;

use super::super::world::{World, name};
use super::two::Apart;
use crate::{Coordinator, EnrolError, OpenError, Roles, enrol, enrol_matcher, install};

#[test]
fn a_matcher_joins_by_what_its_operator_sends_and_nothing_else() {
    let apart = Apart::made();
    let (matcher, resolver) = (apart.at(Roles::Matcher), apart.at(Roles::Resolver));
    let opened = Coordinator::open(matcher.clone(), Arc::new(SystemClock));
    assert!(matches!(
        opened,
        Err(OpenError::NoCertificate(Role::Matcher))
    ));
    let (request, log_key) = apart.request();
    // Nodes are to know both logs from the beginning.
    let node = pki::request(&name("a")).unwrap().request_pem;
    let early = enrol(&resolver, &node, &name("a"), &SystemClock);
    assert!(matches!(early, Err(EnrolError::NoMatcher)));
    let elsewhere = enrol(&matcher, &node, &name("a"), &SystemClock);
    assert!(matches!(elsewhere, Err(EnrolError::NoAuthority)));
    let own = fs::read_to_string(resolver.role(Role::Resolver).log().join("key")).unwrap();
    let refused = enrol_matcher(&resolver, &request, &own, &SystemClock);
    assert!(matches!(refused, Err(EnrolError::LogKey)));
    let refused = enrol_matcher(&resolver, &node, &log_key, &SystemClock);
    assert!(matches!(refused, Err(EnrolError::OtherName(_))));
    let issued = enrol_matcher(&resolver, &request, &log_key, &SystemClock).unwrap();
    let keys = enrol(&resolver, &node, &name("a"), &SystemClock)
        .unwrap()
        .log_keys;
    assert_eq!(keys, [&log_key[..], &own].concat());
    // A certificate of another key, or of another authority, is not installed.
    let other = Apart::made();
    let (own, root) = (&issued.certificate_pem, &issued.authority_pem);
    assert!(install(&other.at(Roles::Matcher), own, root, &SystemClock).is_err());
    let foreign = other.at(Roles::Resolver).authority_certificate();
    let foreign = fs::read_to_string(foreign).unwrap();
    let refused = install(&matcher, own, &foreign, &SystemClock).unwrap_err();
    assert!(refused.is_refusal(), "{refused}");
    install(&matcher, own, root, &SystemClock).unwrap();
    assert!(install(&resolver, own, root, &SystemClock).is_err());
    drop(Coordinator::open(matcher, Arc::new(SystemClock)).unwrap());
    // Later with the same log key only, to which nodes hold it.
    enrol_matcher(&resolver, &request, &log_key, &SystemClock).unwrap();
    let other_key = Apart::made_of(2).request().1;
    let refused = enrol_matcher(&resolver, &request, &other_key, &SystemClock).unwrap_err();
    assert!(matches!(refused, EnrolError::OtherLogKey) && refused.is_refusal());
    // The operator of both has nobody to enrol.
    let world = World::new();
    let refused = enrol_matcher(&world.directory(), &request, "", &SystemClock);
    assert!(matches!(refused, Err(EnrolError::MatcherHere)));
}
