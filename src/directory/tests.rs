//! Sentences about the directory.

use std::collections::BTreeMap;

use super::*;
use crate::{limits, types::CryptHash};

fn a(text: &str) -> Address {
    Address::parse(text).unwrap()
}

fn d(text: &str) -> Domain {
    Domain::parse(text).unwrap()
}

fn credential(n: u8) -> Credential {
    Credential { salt: vec![n; 16], iterations: 4096, stored_key: [n; 32], server_key: [n; 32] }
}

fn mailbox(text: &str) -> Change {
    Change::AddMailbox { address: a(text), password: credential(1).into(), quota: None, owner: "Ann".into() }
}

fn admin(name: &str, read_only: bool) -> Change {
    Change::AddAdmin(Admin { name: name.into(), credential: credential(2), read_only })
}

fn made(changes: Vec<Change>) -> Directory {
    changes.into_iter().fold(Directory::default(), |old, change| old.apply(change).unwrap().directory)
}

/// office.test with ann and bob, sales@ -> both.
fn office() -> Directory {
    made(vec![
        Change::AddDomain(d("office.test")),
        mailbox("ann@office.test"),
        mailbox("bob@office.test"),
        Change::AddAlias(a("sales@office.test"), vec![a("ann@office.test"), a("bob@office.test")]),
    ])
}

fn refused(directory: &Directory, change: Change) -> DirectoryError {
    directory.apply(change).unwrap_err()
}

/// What the store would hold after these changes.
fn stored(changes: Vec<Change>) -> BTreeMap<String, Vec<u8>> {
    let mut rows = BTreeMap::new();
    let mut directory = Directory::default();
    for change in changes {
        let applied = directory.apply(change).unwrap();
        for row in applied.rows {
            match row {
                RowChange::Put { key, value } => drop(rows.insert(key, value)),
                RowChange::Remove { key } => drop(rows.remove(&key)),
            }
        }
        directory = applied.directory;
    }
    rows
}

fn load(rows: &BTreeMap<String, Vec<u8>>) -> Loaded {
    Directory::from_rows(rows.iter().map(|(k, v)| (k.as_str(), v.as_slice())))
}

#[test]
fn rows_of_all_changes_give_the_same_directory_back() {
    let changes = vec![
        Change::AddDomain(d("office.test")),
        mailbox("Ann@office.test"),
        mailbox("\"two words\"@office.test"),
        Change::AddAlias(a("sales@office.test"), vec![a("ann@office.test")]),
        Change::SetCatchAll { domain: d("office.test"), to: Some(a("sales@office.test")) },
        Change::SetQuota(a("ann@office.test"), Some(1 << 30)),
        Change::SetEnabled(a("ann@office.test"), false),
        Change::SetOwner(a("ann@office.test"), "Анна Ивановна".into()),
        Change::SetPassword(a("ann@office.test"), credential(9).into()),
        admin("root", false),
        mailbox("gone@office.test"),
        Change::RemoveMailbox(a("gone@office.test")),
    ];
    let loaded = load(&stored(changes.clone()));
    assert_eq!(loaded.damage, Vec::<String>::new());
    assert_eq!(loaded.directory, made(changes));
}

#[test]
fn a_damaged_row_is_set_aside_and_the_rest_goes_on() {
    let mut rows =
        stored(vec![Change::AddDomain(d("office.test")), mailbox("ann@office.test"), mailbox("bob@office.test")]);
    rows.insert("mailbox/ann@office.test".into(), b"{\"id\": 1, \"credential\": \"SCRAM".to_vec());
    rows.insert("from-the-future/x".into(), b"{}".to_vec());
    let loaded = load(&rows);
    assert_eq!(loaded.damage.len(), 2, "{:?}", loaded.damage);
    assert!(loaded.directory.mailboxes.contains_key(&a("bob@office.test")));
}

#[test]
fn a_lost_domain_row_does_not_make_its_mailboxes_unreachable() {
    let mut rows = stored(vec![Change::AddDomain(d("office.test")), mailbox("ann@office.test")]);
    rows.remove("domain/office.test");
    assert!(load(&rows).directory.is_ours(&d("office.test")));
}

#[test]
fn a_mailbox_number_is_never_used_twice_even_when_its_counter_is_lost() {
    let changes = vec![
        Change::AddDomain(d("office.test")),
        mailbox("ann@office.test"),
        mailbox("bob@office.test"),
        Change::RemoveMailbox(a("bob@office.test")),
        Change::Purged(MailboxId(2)),
    ];
    let next = made(changes.clone()).apply(mailbox("eve@office.test")).unwrap().directory;
    assert_eq!(next.mailboxes[&a("eve@office.test")].id, MailboxId(3));
    let mut rows = stored(changes);
    rows.remove("next-mailbox");
    let later = load(&rows).directory.apply(mailbox("eve@office.test")).unwrap().directory;
    assert_eq!(later.mailboxes[&a("eve@office.test")].id, MailboxId(1001));
}

#[test]
fn a_change_writes_only_the_rows_that_differ() {
    let applied = office().apply(Change::SetQuota(a("ann@office.test"), Some(5))).unwrap();
    assert_eq!(applied.rows.len(), 1);
    let again = applied.directory.apply(Change::SetQuota(a("ann@office.test"), Some(5))).unwrap();
    assert_eq!(again.rows, []);
}

#[test]
fn a_mailbox_needs_a_domain_of_ours_and_a_free_address() {
    assert_eq!(
        refused(&office(), mailbox("ann@else.test")).to_string(),
        "else.test is no domain of this server: add it first"
    );
    assert_eq!(refused(&office(), mailbox("ANN@office.test")).kind, ErrorKind::Conflict);
    assert_eq!(refused(&office(), mailbox("sales@office.test")).kind, ErrorKind::Conflict);
}

#[test]
fn an_alias_is_no_mailbox_and_has_targets_that_are_there_or_elsewhere() {
    let office = office();
    let alias = |from: &str, to: &str| Change::AddAlias(a(from), vec![a(to)]);
    assert_eq!(refused(&office, alias("ann@office.test", "bob@office.test")).kind, ErrorKind::Conflict);
    assert_eq!(refused(&office, alias("x@office.test", "nobody@office.test")).kind, ErrorKind::Absent);
    let out = office.apply(alias("x@office.test", "x@else.test")).unwrap().directory;
    assert_eq!(out.aliases[&a("x@office.test")].targets, [a("x@else.test")]);
    let catch_all = Change::SetCatchAll { domain: d("office.test"), to: Some(a("x@else.test")) };
    assert_eq!(
        refused(&office, catch_all).to_string(),
        "x@else.test is outside the domains of this server: name an address here, or an alias that leads there"
    );
    assert_eq!(refused(&office, Change::AddAlias(a("x@office.test"), vec![])).kind, ErrorKind::Wrong);
    assert_eq!(refused(&office, alias("x@office.test", "x@office.test")).kind, ErrorKind::Wrong);
    assert_eq!(
        refused(&office, Change::SetAlias(a("x@office.test"), vec![a("ann@office.test")])).kind,
        ErrorKind::Absent
    );
}

#[test]
fn a_loop_of_aliases_is_refused_when_saved() {
    // Q23
    let two = office().apply(Change::AddAlias(a("all@office.test"), vec![a("sales@office.test")])).unwrap().directory;
    let error = refused(&two, Change::SetAlias(a("sales@office.test"), vec![a("all@office.test")]));
    assert_eq!(
        error.what,
        "the aliases would run in a loop: sales@office.test -> all@office.test -> sales@office.test"
    );
}

#[test]
fn eleven_levels_of_aliases_are_refused_and_ten_are_not() {
    let mut directory = office();
    let mut below = a("ann@office.test");
    for n in 1..=10 {
        let here = a(&format!("level{n}@office.test"));
        directory = directory.apply(Change::AddAlias(here.clone(), vec![below])).unwrap().directory;
        below = here;
    }
    assert_eq!(refused(&directory, Change::AddAlias(a("level11@office.test"), vec![below])).kind, ErrorKind::Wrong);
    // Also when the chain grows at its lower end.
    let other =
        directory.apply(Change::AddAlias(a("other@office.test"), vec![a("bob@office.test")])).unwrap().directory;
    let longer = Change::SetAlias(a("level1@office.test"), vec![a("other@office.test")]);
    assert_eq!(refused(&other, longer).kind, ErrorKind::Wrong);
}

#[test]
fn a_domain_with_mailboxes_goes_only_with_purge_and_then_names_them() {
    let remove = |purge| Change::RemoveDomain { name: d("office.test"), purge };
    assert_eq!(refused(&office(), remove(false)).kind, ErrorKind::Conflict);
    let applied = office().apply(remove(true)).unwrap();
    assert_eq!(applied.removed, [MailboxId(1), MailboxId(2)]);
    assert!(applied.directory.mailboxes.is_empty() && applied.directory.aliases.is_empty());
    assert_eq!(applied.directory.removed.len(), 2, "the purge is remembered until it is done");
    assert_eq!(applied.directory.apply(Change::Purged(MailboxId(1))).unwrap().directory.removed.len(), 1);
}

#[test]
fn nothing_may_point_to_an_address_that_goes() {
    let office = office().apply(Change::SetCatchAll { domain: d("office.test"), to: Some(a("sales@office.test")) });
    let office = office.unwrap().directory;
    assert_eq!(
        refused(&office, Change::RemoveMailbox(a("ann@office.test"))).what,
        "the alias sales@office.test points to ann@office.test"
    );
    assert_eq!(
        refused(&office, Change::RemoveAlias(a("sales@office.test"))).what,
        "sales@office.test gets all unknown mail of office.test"
    );
    let two = office.apply(Change::AddDomain(d("two.test"))).unwrap().directory;
    let two = two.apply(Change::AddAlias(a("x@two.test"), vec![a("ann@office.test")])).unwrap().directory;
    let purge = Change::RemoveDomain { name: d("office.test"), purge: true };
    assert_eq!(refused(&two, purge).what, "the alias x@two.test points to ann@office.test");
}

#[test]
fn the_last_administrator_who_may_change_things_stays() {
    let directory = made(vec![admin("root", false), admin("look", true)]);
    assert_eq!(refused(&directory, Change::RemoveAdmin("root".into())).kind, ErrorKind::Conflict);
    assert_eq!(refused(&directory, Change::SetAdminReadOnly("root".into(), true)).kind, ErrorKind::Conflict);
    assert!(directory.apply(Change::RemoveAdmin("look".into())).is_ok());
    assert_eq!(refused(&directory, admin("two words", false)).kind, ErrorKind::Wrong);
}

#[test]
fn a_quota_of_nothing_and_an_owner_with_control_characters_are_refused() {
    assert_eq!(refused(&office(), Change::SetQuota(a("ann@office.test"), Some(0))).kind, ErrorKind::Wrong);
    assert_eq!(refused(&office(), Change::SetOwner(a("ann@office.test"), "a\nb".into())).kind, ErrorKind::Wrong);
}

#[test]
fn lists_of_lists_that_reach_too_many_mailboxes_are_refused_when_saved() {
    let mut directory = office();
    let number = |n: usize| a(&format!("n{n}@office.test"));
    for n in 0..=limits::ALIAS_TARGETS {
        let mailbox = Mailbox {
            id: MailboxId(100 + n as u32),
            address: number(n),
            password: credential(1).into(),
            quota: None,
            owner: String::new(),
            enabled: true,
        };
        directory.mailboxes.put(mailbox);
    }
    let half: Vec<Address> = (0..500).map(number).collect();
    let rest: Vec<Address> = (500..limits::ALIAS_TARGETS).map(number).collect();
    let mut put = |from: &str, to: Vec<Address>| {
        let applied = directory.apply(Change::AddAlias(a(from), to))?;
        directory = applied.directory;
        Ok::<(), DirectoryError>(())
    };
    put("half@office.test", half).unwrap();
    put("rest@office.test", rest.clone()).unwrap();
    put("all@office.test", vec![a("half@office.test"), a("rest@office.test")]).unwrap();
    let mut more = rest;
    more.push(number(limits::ALIAS_TARGETS));
    let error = refused(&directory, Change::SetAlias(a("rest@office.test"), more));
    assert_eq!(error.what, "the alias all@office.test would go to 1001 addresses");
}

#[test]
fn no_damage_of_a_row_makes_reading_panic_or_loses_another_row() {
    let rows = stored(vec![
        Change::AddDomain(d("office.test")),
        mailbox("ann@office.test"),
        mailbox("bob@office.test"),
        Change::AddAlias(a("sales@office.test"), vec![a("ann@office.test")]),
        admin("root", false),
    ]);
    let whole = load(&rows).directory;
    for (key, value) in &rows {
        for at in 0..value.len() {
            for bit in [0x01, 0x20, 0x80] {
                let mut damaged = rows.clone();
                damaged.get_mut(key).unwrap()[at] ^= bit;
                let loaded = load(&damaged).directory;
                let others = whole.mailboxes.values().filter(|m| *key != format!("mailbox/{}", m.address));
                for mailbox in others {
                    assert_eq!(loaded.mailboxes.get(&mailbox.address), Some(mailbox), "{key} {at}");
                }
            }
        }
    }
}

#[test]
fn an_imported_hash_is_replaced_only_while_it_holds() {
    let hash = CryptHash::parse(&format!("$5$salt${}", "x".repeat(43))).unwrap();
    let renew = || Change::Renew { address: a("ann@office.test"), imported: hash.clone(), credential: credential(9) };
    let set = |password: Password| Change::SetPassword(a("ann@office.test"), password);
    let imported = office().apply(set(Password::Imported(hash.clone()))).unwrap().directory;
    let password = |d: &Directory| d.mailboxes[&a("ann@office.test")].password.clone();
    assert_eq!(password(&imported.apply(renew()).unwrap().directory), credential(9).into());
    let changed = imported.apply(set(credential(3).into())).unwrap().directory;
    assert_eq!(password(&changed.apply(renew()).unwrap().directory), credential(3).into(), "it was changed meanwhile");
}

#[test]
fn changes_of_a_list_are_made_together_or_not_at_all() {
    let both = [Change::SetQuota(a("ann@office.test"), Some(5)), Change::SetEnabled(a("ann@office.test"), false)];
    let applied = office().apply_all(both).unwrap();
    assert_eq!(applied.rows.len(), 1, "one row, once");
    let wrong = [Change::SetQuota(a("ann@office.test"), Some(5)), Change::RemoveAlias(a("nobody@office.test"))];
    assert_eq!(office().apply_all(wrong).unwrap_err().kind, ErrorKind::Absent);
    let added = office().apply_all([mailbox("eve@office.test"), mailbox("joe@office.test")]).unwrap().added;
    assert_eq!(added, [MailboxId(3), MailboxId(4)]);
}

#[test]
fn an_alias_keeps_its_row_in_whatever_case_it_is_said() {
    let sales = a("Отдел@office.test");
    let mut rows =
        stored(vec![Change::AddDomain(d("office.test")), mailbox("ann@office.test"), mailbox("bob@office.test")]);
    let directory = load(&rows).directory.apply(Change::AddAlias(sales, vec![a("ann@office.test")])).unwrap();
    let changed =
        directory.directory.apply(Change::SetAlias(a("ОТДЕЛ@office.test"), vec![a("bob@office.test")])).unwrap();
    for row in directory.rows.into_iter().chain(changed.rows) {
        let RowChange::Put { key, value } = row else { panic!("nothing goes") };
        rows.insert(key, value);
    }
    assert_eq!(load(&rows).directory, changed.directory);
}
