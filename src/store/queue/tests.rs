//! Octets of rows, old and new; filters; where a row goes.

#![allow(clippy::unwrap_used, clippy::expect_used)]

use super::{
    super::{
        codec::Out,
        rows::{RowForm, seal, unseal},
    },
    *,
};
use crate::types::{Address, Answer, BodyId, Hold, Leaving, Notify, Orcpt, Ret, ReversePath, Terms, Wishes};

fn address(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn bare() -> Queued {
    let from = ReversePath::Address(address("ann@office.test"));
    Queued::new(BodyId(7), 9, UnixTime(100), Leaving::plain(from, address("bob@far.test"), UnixTime(200)))
}

fn full() -> Queued {
    let mut row = Queued { tries: 3, hold: Hold::Held, told_late: true, ..bare() };
    row.leaving.original = Some(address("\"a list\"@far.test"));
    row.leaving.ours = true;
    row.leaving.wishes = Wishes {
        notify: Some(Notify::NEVER),
        orcpt: Some(Orcpt { kind: "utf-8".into(), address: "\u{43f}@\u{43f}.test".into() }),
    };
    row.leaving.terms = Terms { ret: Some(Ret::Full), envid: Some("QQ314159".into()), utf8: true };
    let (peer, status, text) = ("mx.far.test[192.0.2.1]:25".into(), "4.2.2".into(), "mailbox full".into());
    row.last = Some(Answer { at: UnixTime(150), peer, code: 452, status, text });
    row
}

#[test]
fn rows_come_back_and_no_flipped_bit_passes() {
    for row in [bare(), full()] {
        let bytes = seal(&[1], &row);
        assert_eq!(unseal::<Queued>(&[1], &bytes), Ok(row));
        for bit in 0..bytes.len() * 8 {
            let mut bad = bytes.clone();
            bad[bit / 8] ^= 1 << (bit % 8);
            assert!(unseal::<Queued>(&[1], &bad).is_err(), "bit {bit}");
        }
    }
}

#[test]
fn a_row_with_an_answer_of_usual_length_is_small() {
    let mut row = full();
    row.last.as_mut().unwrap().text = "x".repeat(200).into();
    assert!(seal(&[1], &row).len() < 600, "{}", seal(&[1], &row).len());
}

#[test]
fn a_row_of_an_older_program_is_read() {
    let mut out = Out::default();
    out.u64(7);
    out.i64(200);
    out.text("ann@office.test");
    out.text("bob@far.test");
    let old = Queued { size: 0, since: UnixTime(200), ..bare() };
    assert_eq!(Queued::take(&mut super::super::codec::In(&out.0)), Some(old));
}

#[test]
fn a_row_of_a_newer_program_is_not_misread() {
    let mut out = Out::default();
    bare().put(&mut out);
    let version = out.0.len() - 3;
    assert_eq!(out.0[version], 1);
    out.0[version] = 2;
    assert_eq!(Queued::take(&mut super::super::codec::In(&out.0)), None);
}

#[test]
fn a_shift_moves_every_time() {
    let row = full().shifted(10);
    let times = (row.since, row.leaving.next_try, row.last.as_ref().unwrap().at);
    assert_eq!(times, (UnixTime(110), UnixTime(210), UnixTime(160)));
    assert_eq!(row.shifted(-10), full());
}

#[test]
fn a_destination_stands_on_the_disk_and_never_changes() {
    let of = |text: &str| Destination::of(&Domain::parse(text).unwrap()).0;
    assert_eq!(of("far.test"), of("FAR.test."));
    assert_ne!(of("far.test"), of("fas.test"));
    // Computed by another program.
    assert_eq!(of("far.test"), 1_217_898_148_077_951_852);
}

#[test]
fn a_filter_means_what_it_says() {
    let (fresh, held) = (bare().listed(1), full().listed(2));
    let fits = |filter: QueueFilter| (filter.fits(&fresh), filter.fits(&held));
    let part = |text: &str| Some(text.to_owned());
    assert_eq!(fits(QueueFilter::default()), (true, true));
    assert_eq!(fits(QueueFilter { text: part("BOX full"), ..QueueFilter::default() }), (false, true));
    assert_eq!(fits(QueueFilter { sender: part("Ann@"), ..QueueFilter::default() }), (true, true));
    assert_eq!(fits(QueueFilter { sender: part("bob@"), ..QueueFilter::default() }), (false, false));
    assert_eq!(fits(QueueFilter { sender: part("<>"), ..QueueFilter::default() }), (false, false));
    assert_eq!(fits(QueueFilter { recipient: part("far.te"), ..QueueFilter::default() }), (true, true));
    assert_eq!(fits(QueueFilter { stage: Some(QueueStage::Fresh), ..QueueFilter::default() }), (true, false));
    assert_eq!(fits(QueueFilter { stage: Some(QueueStage::Held), ..QueueFilter::default() }), (false, true));
    assert_eq!(fits(QueueFilter { body: Some(BodyId(8)), ..QueueFilter::default() }), (false, false));
    let domain = Some(Domain::parse("ar.test").unwrap());
    assert_eq!(fits(QueueFilter { domain, ..QueueFilter::default() }), (false, false));
}
