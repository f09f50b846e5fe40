//! The day files.

use std::{
    fs,
    future::Future,
    io::{Seek, SeekFrom, Write},
    path::PathBuf,
    sync::Arc,
    time::{Duration, Instant},
};

use gatepost::{
    journal::{Journal, Line, Origin, Tag},
    limits,
    rt::{Board, Executor, Light, Stop, TestClock},
    store::{Day, Days, Export},
    types::UnixTime,
};
use jiff::tz::TimeZone;

use super::rsyslog::until;
use crate::scratch::Scratch;

/// 2026-11-24 20:00:00 UTC, one hour before midnight in Moscow.
const EVENING: i64 = 1_795_550_400;

struct House {
    scratch: Scratch,
    clock: Arc<TestClock>,
    journal: Journal,
    board: Board,
    days: Days,
}

fn now<T>(future: impl Future<Output = T>) -> T {
    smol::block_on(future)
}

fn day(text: &str) -> Day {
    Day::parse(text).unwrap()
}

impl House {
    fn at(name: &str, seconds: i64) -> Self {
        let scratch = Scratch::new(name);
        fs::write(scratch.path().join("mail.redb"), "").unwrap();
        let clock = Arc::new(TestClock::at(UnixTime(seconds)));
        let (journal, board) = (Journal::new(clock.clone()), Board::default());
        let days = Self::days(&scratch, &clock, &journal, &board);
        journal.add_sink(Arc::new(days.clone()));
        House { scratch, clock, journal, board, days }
    }

    fn days(scratch: &Scratch, clock: &Arc<TestClock>, journal: &Journal, board: &Board) -> Days {
        let zone = TimeZone::posix("MSK-3").unwrap();
        let origin = Origin { host: "gw.office.test".into(), pid: 77, zone };
        Days::new(
            scratch.path().to_owned(),
            origin,
            (clock.clone(), journal.clone(), board.clone()),
            gatepost::rt::Worker::start("days", 1, 16).unwrap(),
        )
    }

    fn say(&self, text: impl Into<String>) {
        self.journal.tell(Line::info(Tag::Smtpd, text.into()));
    }

    fn file(&self, name: &str) -> PathBuf {
        self.scratch.path().join(format!("journal/{name}"))
    }

    fn texts(&self, on: &str, page: usize, per_page: usize, search: &str) -> (Vec<String>, usize) {
        let page = now(self.days.page(day(on), page, per_page, search)).unwrap();
        (page.lines.into_iter().map(|l| l.line.text).collect(), page.pages)
    }

    fn told(&self, words: &str) -> bool {
        self.journal.newest(9999).iter().any(|s| s.line.text.contains(words))
    }
}

#[test]
fn lines_lie_in_the_file_of_their_local_day_and_are_paged_and_searched() {
    let house = House::at("paged", EVENING);
    for n in 1..=25 {
        house.say(format!("line {n} ПИСЬМО"));
    }
    house.clock.advance(3600);
    house.say("after midnight");
    house.journal.tell(Line::error(Tag::Dovecot, "disk".into()));

    assert_eq!(now(house.days.days()).unwrap(), []);
    let (lines, pages) = house.texts("2026-11-24", 1, 10, "");
    assert_eq!((lines.first().unwrap().as_str(), lines.len(), pages), ("line 25 ПИСЬМО", 10, 3));
    assert_eq!(now(house.days.days()).unwrap(), [day("2026-11-25"), day("2026-11-24")]);
    let (lines, _) = house.texts("2026-11-24", 3, 10, "");
    assert_eq!(lines.iter().map(|l| l.as_str()).collect::<Vec<_>>()[..2], ["line 5 ПИСЬМО", "line 4 ПИСЬМО"]);
    // Behind the end is the last page (M2: a number is typed in).
    assert_eq!(house.texts("2026-11-24", 999, 10, ""), house.texts("2026-11-24", 3, 10, ""));
    assert_eq!(house.texts("2026-11-24", 1, 10, "LINE 2 письмо").0, ["line 2 ПИСЬМО"]);
    // line 25 ... line 20, line 2: seven of them.
    let (lines, pages) = house.texts("2026-11-24", 99, 4, "line 2");
    assert_eq!(
        (lines, pages),
        (["line 22", "line 21", "line 20", "line 2"].map(|l| format!("{l} ПИСЬМО"))[1..].to_vec(), 2)
    );
    assert_eq!(house.texts("2026-11-25", 1, 10, "dovecot").0, ["error: disk"]);
    assert_eq!(house.texts("2026-11-25", 1, 10, "nothing").0, Vec::<String>::new());
    assert_eq!(house.texts("2020-01-01", 1, 10, "").0, Vec::<String>::new());
    assert_eq!(house.days.today(), day("2026-11-25"));
}

#[test]
fn a_search_is_made_of_bounded_pieces_that_miss_nothing() {
    let house = House::at("pieces", EVENING);
    for n in 1..=120_001 {
        house.say(if n % 40_000 == 1 { format!("needle {n}") } else { String::from("hay") });
        if n % 2000 == 0 {
            now(house.days.flush());
        }
    }
    let look = |below, max, search: &str| {
        let found = now(house.days.look(day("2026-11-24"), below, max, search)).unwrap();
        (found.lines.iter().map(|line| line.number).collect::<Vec<_>>(), found.left, found.total)
    };
    assert_eq!(look(0, 10, "NEEDLE"), (vec![120_001, 80_001, 40_001], 20_001, 120_001));
    assert_eq!(look(20_002, 10, "needle"), (vec![1], 0, 120_001));
    assert_eq!(look(0, 10, "nowhere"), (vec![], 20_001, 120_001), "a piece is bounded where nothing is found too");
    assert_eq!(look(0, 1, "needle"), (vec![120_001], 120_000, 120_001), "and ends where there is enough");
    assert_eq!(look(120_001, 1, "needle"), (vec![80_001], 80_000, 120_001));
    assert_eq!(look(3, 9, ""), (vec![2, 1], 0, 120_001));
    assert_eq!(look(1, 9, ""), (vec![], 0, 120_001));
    assert_eq!(now(house.days.look(day("2020-01-01"), 0, 9, "x")).unwrap().total, 0);
}

#[test]
fn a_second_process_goes_on_with_the_day() {
    let house = House::at("again", EVENING);
    house.say("first");
    now(house.days.flush());
    house.days.close();
    let journal = Journal::new(house.clock.clone());
    let again = House::days(&house.scratch, &house.clock, &journal, &house.board);
    journal.add_sink(Arc::new(again.clone()));
    journal.tell(Line::info(Tag::Smtpd, "second".into()));
    let page = now(again.page(day("2026-11-24"), 1, 10, "")).unwrap();
    assert_eq!(
        page.lines.iter().map(|l| (l.number, l.line.text.as_str())).collect::<Vec<_>>(),
        [(2, "second"), (1, "first")]
    );
    assert_eq!(page.lines[0].at, UnixTime(EVENING));
}

#[test]
fn nobody_else_reads_the_files() {
    use std::os::unix::fs::PermissionsExt;
    let house = House::at("modes", EVENING);
    house.say("who wrote to whom");
    now(house.days.flush());
    let mode = |name: &str| fs::metadata(house.file(name)).unwrap().permissions().mode() & 0o777;
    assert_eq!((mode(""), mode("2026-11-24.redb")), (0o700, 0o600));
}

#[test]
fn an_export_is_a_syslog_file_or_a_table() {
    let house = House::at("export", EVENING);
    for n in 0..2500 {
        house.say(format!("line {n}"));
    }
    let (mut text, mut after, mut pieces) = (String::new(), 0, 0);
    while let (piece, Some(next)) = now(house.days.export(day("2026-11-24"), after, Export::Plain, "postfix")).unwrap()
    {
        text += &piece;
        (after, pieces) = (next, pieces + 1);
    }
    assert_eq!((pieces, text.lines().count()), (3, 2500));
    assert_eq!(text.lines().next().unwrap(), "Nov 24 23:00:00 gw postfix/smtpd[77]: line 0");
    let (piece, next) = now(house.days.export(day("2026-11-24"), 0, Export::Csv, "mail")).unwrap();
    assert_eq!(next, Some(1000));
    assert_eq!(piece.lines().nth(1).unwrap(), "2026-11-24 23:00:00,info,\"mail/smtpd\",\"line 0\"");
}

#[test]
fn a_batch_is_written_by_itself_and_at_the_stop() {
    let house = House::at("itself", EVENING);
    let (stop, end) = (Stop::default(), Stop::default());
    let exec = Executor::start(1).unwrap();
    let task = exec.spawn(house.days.clone().run(stop.clone()));
    for n in 0..600 {
        house.say(format!("line {n}"));
    }
    until("the full batch", || house.file("2026-11-24.redb").exists().then_some(()));
    house.say("the last");
    stop.set();
    now(task);
    end.set();
    let again = House::days(&house.scratch, &house.clock, &Journal::new(house.clock.clone()), &house.board);
    house.days.close();
    assert_eq!(now(again.page(day("2026-11-24"), 1, 1, "")).unwrap().lines[0].line.text, "the last");
}

#[test]
fn a_damaged_file_is_set_aside_and_named() {
    for (name, spoil) in [("cut", 100_u64), ("garbage", 0)] {
        let house = House::at(name, EVENING);
        (0..2000).for_each(|n| house.say(format!("line {n}")));
        now(house.days.flush());
        house.days.close();
        let mut file = fs::OpenOptions::new().write(true).open(house.file("2026-11-24.redb")).unwrap();
        if spoil > 0 {
            file.set_len(spoil).unwrap();
        } else {
            let length = file.metadata().unwrap().len();
            file.seek(SeekFrom::Start(0)).unwrap();
            file.write_all(&vec![0x5a; usize::try_from(length).unwrap()]).unwrap();
        }
        house.say("later");
        now(house.days.flush());
        assert!(house.file("2026-11-24.redb.damaged").exists(), "{name}");
        assert!(house.told("a journal file is damaged and was set aside as 2026-11-24.redb.damaged"), "{name}");
        // The line about the damage stands in the new file, behind what waited.
        let (lines, _) = house.texts("2026-11-24", 1, 10, "");
        assert_eq!(lines.last().unwrap(), "later", "{name}: {lines:?}");
    }
}

#[test]
fn single_damages_never_end_the_thread() {
    let house = House::at("pages", EVENING);
    (0..3000).for_each(|n| house.say(format!("line {n} {}", "x".repeat(100))));
    now(house.days.flush());
    house.days.close();
    let whole = fs::read(house.file("2026-11-24.redb")).unwrap();
    let step = whole.len() / 60;
    for n in 0..60 {
        let mut bytes = whole.clone();
        bytes[n * step..n * step + 64].fill(0xa5);
        let _ = fs::remove_file(house.file("2026-11-24.redb.damaged"));
        fs::write(house.file("2026-11-24.redb"), bytes).unwrap();
        let _ = now(house.days.page(day("2026-11-24"), 2, 50, ""));
        let _ = now(house.days.page(day("2026-11-24"), 1, 50, "x"));
        house.say("still there");
        now(house.days.flush());
        house.days.close();
    }
    fs::remove_file(house.file("2026-11-24.redb")).unwrap();
    house.say("the thread lives");
    assert!(house.texts("2026-11-24", 1, 50, "").0.contains(&"the thread lives".to_owned()));
}

#[test]
fn an_absent_disk_keeps_the_newest_counts_the_rest_and_tells_both() {
    let house = House::at("absent", EVENING);
    fs::remove_file(house.scratch.path().join("mail.redb")).unwrap();
    let began = Instant::now();
    for n in 0..limits::JOURNAL_QUEUE + 700 {
        house.say(format!("line {n}"));
    }
    assert!(began.elapsed() < Duration::from_secs(10));
    now(house.days.flush());
    assert!(!house.file("").exists(), "the journal must not make its own directory on a disk that is not mounted");
    let state = house.board.all().remove("journal:files").unwrap();
    assert_eq!(state.light, Light::Yellow);
    assert!(state.text.contains("the mail disk is not there"), "{}", state.text);
    now(house.days.flush());
    fs::write(house.scratch.path().join("mail.redb"), "").unwrap();
    now(house.days.flush());
    // 700, and one for the line about the outage.
    assert!(house.told("journal:files: 701 lines of the journal were lost"));
    assert_eq!(house.journal.newest(9999).iter().filter(|s| s.line.text.contains("cannot be reached")).count(), 1);
    assert!(house.told("journal:files is reached again"));
    assert_eq!(house.board.all()["journal:files"].light, Light::Green);
    let page = now(house.days.page(day("2026-11-24"), 1, 10, "line")).unwrap();
    assert_eq!(page.lines.iter().find(|l| l.line.text.starts_with("line")).unwrap().line.text, "line 4795");
}

#[test]
fn old_files_go_when_time_is_plausible_and_never_in_1970() {
    let house = House::at("old", 1000);
    house.days.keep(30);
    fs::create_dir(house.file("")).unwrap();
    let make = |name: &str, size: usize| fs::write(house.file(name), vec![0; size]).unwrap();
    make("2026-10-24.redb", 9);
    make("2026-10-24.redb.damaged", 9);
    make("2026-10-25.redb", 9);
    make("1970-01-05.redb", 9);
    make("1970-01-06.redb", 5 * 1024 * 1024);
    make("2026-10-01.txt", 9);
    house.say("boot, before the first NTP answer");
    now(house.days.flush());
    assert!(house.file("2026-10-24.redb").exists());
    assert!(house.file("1970-01-01.redb").exists());

    house.clock.step_to(UnixTime(EVENING));
    house.say("time is known");
    now(house.days.flush());
    let left: Vec<bool> = [
        "2026-10-24.redb",
        "2026-10-24.redb.damaged",
        "2026-10-25.redb",
        "1970-01-05.redb",
        "1970-01-06.redb",
        "2026-10-01.txt",
        "1970-01-01.redb",
    ]
    .map(|n| house.file(n).exists())
    .to_vec();
    assert_eq!(left, [false, false, true, true, false, true, true]);
    assert!(house.told("3 old journal files were removed"));
    assert_eq!(house.texts("1970-01-01", 1, 10, "").0, ["boot, before the first NTP answer"]);
}
