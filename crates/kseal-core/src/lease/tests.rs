use super::*;

const WALL: &str = "2026-11-22T05:00:00.000000Z";

fn timing() -> Timing {
    Timing::new(Duration::from_secs(15), Duration::from_secs(10), Duration::from_secs(2)).unwrap()
}

fn candidate(identity: &str) -> Candidate {
    Candidate::new(identity.to_owned(), timing())
}

fn at(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

fn held_by(holder: &str, renewed: &str) -> Record {
    let (holder, renewed, acquired) = (holder.to_owned(), renewed.to_owned(), "then".to_owned());
    Record { holder, seconds: 15, acquired, renewed, transitions: 4 }
}

/// Lets `candidate` create the Lease and lead.
fn leader(identity: &str, sent: Duration) -> (Candidate, Record) {
    let mut candidate = candidate(identity);
    assert_eq!(candidate.attempt(sent, WALL), Step::Read);
    let Step::Write(record) = candidate.found(sent, WALL, None) else { panic!("it must create") };
    candidate.written(sent, record.clone());
    (candidate, record)
}

#[test]
fn the_first_candidate_creates_the_lease_and_leads_until_its_deadline() {
    let (candidate, record) = leader("a", at(100));
    assert_eq!(record, Record { acquired: WALL.into(), transitions: 0, ..held_by("a", WALL) });
    assert!(candidate.leads(at(109)));
    assert!(!candidate.leads(at(110)));
}

#[test]
fn a_renewal_changes_the_time_alone_and_needs_no_read() {
    let (mut candidate, record) = leader("a", at(0));
    let Step::Write(renewed) = candidate.attempt(at(2), "later") else { panic!("it must renew") };
    assert_eq!(renewed, Record { renewed: "later".into(), ..record });
    candidate.written(at(2), renewed);
    assert!(candidate.leads(at(11)));
}

#[test]
fn a_record_is_taken_over_when_it_stood_still_for_its_duration_whatever_times_it_holds() {
    for renewed in ["1970-01-01T00:00:00.000000Z", "2999-01-01T00:00:00.000000Z", "no time at all", ""] {
        let mut candidate = candidate("b");
        assert_eq!(candidate.found(at(50), WALL, Some(held_by("a", renewed))), Step::Wait);
        assert_eq!(candidate.found(at(64), WALL, Some(held_by("a", renewed))), Step::Wait);
        let Step::Write(record) = candidate.found(at(65), WALL, Some(held_by("a", renewed))) else { panic!() };
        assert_eq!(record, Record { acquired: WALL.into(), transitions: 5, ..held_by("b", WALL) });
    }
}

#[test]
fn a_renewal_is_seen_by_its_change_and_begins_the_wait_anew() {
    let mut candidate = candidate("b");
    assert_eq!(candidate.found(at(0), WALL, Some(held_by("a", "1"))), Step::Wait);
    assert_eq!(candidate.found(at(14), WALL, Some(held_by("a", "2"))), Step::Wait);
    assert_eq!(candidate.found(at(28), WALL, Some(held_by("a", "2"))), Step::Wait);
    assert!(matches!(candidate.found(at(29), WALL, Some(held_by("a", "2"))), Step::Write(_)));
}

#[test]
fn the_duration_that_counts_is_the_holders() {
    let mut candidate = candidate("b");
    let record = Record { seconds: 60, ..held_by("a", "1") };
    assert_eq!(candidate.found(at(0), WALL, Some(record.clone())), Step::Wait);
    assert_eq!(candidate.found(at(59), WALL, Some(record.clone())), Step::Wait);
    assert!(matches!(candidate.found(at(60), WALL, Some(record)), Step::Write(_)));
}

#[test]
fn a_record_without_a_duration_is_not_free_at_once() {
    let mut candidate = candidate("b");
    let record = Record { seconds: 0, ..held_by("a", "1") };
    assert_eq!(candidate.found(at(0), WALL, Some(record.clone())), Step::Wait);
    assert!(matches!(candidate.found(at(15), WALL, Some(record)), Step::Write(_)));
}

#[test]
fn a_released_lease_is_taken_at_once() {
    let (mut old, _) = leader("a", at(0));
    let released = old.release(at(5), "then").unwrap();
    assert_eq!((released.holder.as_str(), released.seconds), ("", 1));
    assert!(!old.leads(at(5)));
    let mut next = candidate("b");
    assert_eq!(next.found(at(4), WALL, Some(held_by("a", "1"))), Step::Wait);
    let Step::Write(record) = next.found(at(5), WALL, Some(released)) else { panic!("it must take over") };
    assert_eq!((record.holder.as_str(), record.transitions), ("b", 1));
}

#[test]
fn who_does_not_lead_or_does_not_know_releases_nothing() {
    assert_eq!(candidate("a").release(at(0), WALL), None);
    let (mut late, _) = leader("a", at(0));
    assert_eq!(late.release(at(10), WALL), None);
    let (mut in_doubt, _) = leader("a", at(0));
    in_doubt.failed();
    assert_eq!(in_doubt.release(at(5), WALL), None);
    assert!(!in_doubt.leads(at(5)));
}

#[test]
fn after_a_failure_a_leader_reads_and_leads_on_until_the_deadline_of_the_last_success() {
    let (mut candidate, record) = leader("a", at(0));
    candidate.failed();
    assert_eq!(candidate.attempt(at(2), WALL), Step::Read);
    assert!(candidate.leads(at(9)));
    let Step::Write(renewed) = candidate.found(at(4), "later", Some(record)) else { panic!("it must renew") };
    candidate.failed();
    assert!(!candidate.leads(at(10)), "a write in doubt renews nothing");
    // It had happened: the record is ours, so nobody else leads, and it goes on from there.
    assert!(matches!(candidate.found(at(11), WALL, Some(renewed)), Step::Write(record) if record.transitions == 0));
}

#[test]
fn a_leader_that_sees_another_in_its_place_stops_at_once() {
    let (mut candidate, _) = leader("a", at(0));
    candidate.failed();
    assert_eq!(candidate.found(at(3), WALL, Some(held_by("b", "1"))), Step::Wait);
    assert!(!candidate.leads(at(3)));
    assert_eq!(candidate.attempt(at(5), WALL), Step::Read);
}

#[test]
fn a_leader_that_was_released_in_its_absence_ends_its_term_before_it_begins_another() {
    let (mut candidate, record) = leader("a", at(0));
    candidate.failed();
    let released = Record { holder: String::new(), seconds: 1, ..record };
    assert_eq!(candidate.found(at(3), WALL, Some(released.clone())), Step::Wait);
    assert!(!candidate.leads(at(3)));
    assert!(matches!(candidate.found(at(5), WALL, Some(released)), Step::Write(_)));
}

#[test]
fn a_deleted_lease_is_created_by_its_leader_and_by_others_only_after_its_duration() {
    let (mut leader, record) = leader("a", at(0));
    let mut other = candidate("b");
    assert_eq!(other.found(at(1), WALL, Some(record)), Step::Wait);
    assert_eq!(other.found(at(3), WALL, None), Step::Wait);
    leader.failed();
    assert!(matches!(leader.found(at(4), WALL, None), Step::Write(_)));
    assert_eq!(other.found(at(17), WALL, None), Step::Wait);
    assert!(matches!(other.found(at(18), WALL, None), Step::Write(_)));
}

#[test]
fn durations_that_do_not_go_together_are_refused() {
    let seconds = Duration::from_secs;
    assert_eq!(Timing::new(seconds(10), seconds(10), seconds(2)), Err(TimingError::Deadline));
    assert_eq!(Timing::new(seconds(15), seconds(2), seconds(2)), Err(TimingError::Period));
    assert_eq!(Timing::new(seconds(15), seconds(10), seconds(0)), Err(TimingError::Period));
    assert_eq!(Timing::new(Duration::from_millis(1500), seconds(1), seconds(0)), Err(TimingError::Seconds));
    assert_eq!(Timing::new(seconds(0), seconds(0), seconds(0)), Err(TimingError::Seconds));
}

#[test]
fn pauses_are_spread_over_one_to_two_point_two_periods() {
    assert_eq!(timing().pause(0), Duration::from_secs(2));
    assert_eq!(timing().pause(255), Duration::from_millis(4_400));
}
