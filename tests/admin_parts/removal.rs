//! Mailboxes that go, one or a whole domain of them, and their mail.

use gatepost::{
    admin::Caller,
    directory::Change,
    rt::block_on,
    types::{Address, MailboxId},
};
use serde_json::{Value, json};

use super::office;

#[test]
fn a_removed_mailbox_takes_its_mail_along_and_its_number_is_never_used_again() {
    let house = office("purge");
    let id = house.mailbox("ann@office.test").id;
    house.deliver(id, b"Subject: x\r\n\r\nhello\r\n");
    assert_eq!(house.ok("GET", "mailboxes", Value::Null)["mailboxes"][0]["messages"], 1);
    house.ok("DELETE", "mailboxes/ann@office.test", Value::Null);
    house.purged();
    assert_eq!(house.usage(id), 0);
    house.ok("POST", "mailboxes", json!({ "address": "ann@office.test", "password": "correct horse" }));
    let again = house.mailbox("ann@office.test").id;
    assert_ne!(again, id);
    house.refused("DELETE", "domains/office.test", Value::Null, 409);
    house.ok("DELETE", "domains/office.test?purge=1", Value::Null);
    assert!(house.ok("GET", "mailboxes", Value::Null)["mailboxes"].as_array().unwrap().is_empty());
}

/// Believed: the request may wait for the mail. It waited for minutes where a domain had ten thousand mailboxes, one durable
/// commit after the other, and held every other change of the directory meanwhile.
#[test]
fn a_domain_of_many_mailboxes_is_removed_at_once_and_their_mail_follows() {
    let house = office("many");
    let (address, password) = (|n: u32| format!("box{n}@office.test"), house.mailbox("ann@office.test").password);
    let make = |n: u32| Change::AddMailbox {
        address: Address::parse(&address(n)).unwrap(),
        password: password.clone(),
        quota: None,
        owner: String::new(),
    };
    block_on(house.desk().change_all((0..400).map(make).collect(), &Caller::ourselves())).unwrap();
    let ids: Vec<MailboxId> = (0..400).map(|n| house.mailbox(&address(n)).id).collect();
    let folders = house.ok("GET", "mailboxes/box399@office.test/folders", Value::Null);
    assert!(folders["folders"].as_array().unwrap().iter().any(|one| one["name"] == "INBOX"), "{folders}");
    ids.iter().step_by(40).for_each(|id| house.deliver(*id, b"Subject: x\r\n\r\nhello\r\n"));
    let commits = house.desk().house().store.commits();
    let removed = house.ok("DELETE", "domains/office.test?purge=1", Value::Null);
    assert!(removed["purging"].as_u64().unwrap() > 0, "the request waited for all of it: {removed}");
    // Another change does not wait for it either, and a name is free again.
    house.ok("POST", "domains", json!({ "name": "office.test" }));
    house.ok("POST", "mailboxes", json!({ "address": address(0), "password": "correct horse" }));
    house.purged();
    assert!(ids.iter().all(|id| house.usage(*id) == 0));
    assert!(house.desk().house().store.commits() - commits < 100, "each mailbox had a commit of its own");
    let journal = house.ok("GET", "journal?day=today&search=is%20deleted", Value::Null);
    assert_eq!(journal["total"], 401, "{journal}");
}
