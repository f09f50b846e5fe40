//! What `salvage` keeps of folders and flags.

use super::*;

/// Everything but numbers: folder, special use, flags, keywords, date, octets.
async fn told(store: &Store) -> Vec<String> {
    let mut told = Vec::new();
    for folder in store.folders(ANN).await.unwrap() {
        let words = store.keywords(folder.id).await.unwrap();
        told.push(format!("{} {:?}", folder.name.as_str(), folder.special));
        let mut within = Vec::new();
        for row in rows(store, folder.id).await {
            let named: Vec<_> = row.keywords.iter().map(|n| words[n].as_str()).collect();
            let body = read(store, row.body).await.unwrap();
            within.push(format!("  {:?} {named:?} {:?} {:?}", row.flags, row.date, &body[..8]));
        }
        within.sort();
        told.extend(within);
    }
    told
}

/// It was believed that only the lost rows knew of folders and flags. Where they are not lost they are asked.
#[test]
fn salvage_keeps_folders_and_flags_where_the_rows_can_be_read() {
    let scratch = Scratch::new("imap-salvage");
    let store = open(scratch.path());
    let before = block_on(async {
        let folder = fill(&store, 40).await;
        store.create_folder(ANN, &name("Deep/er"), Special::Archive).await.unwrap();
        store.create_folder(ANN, &name("Empty"), Special::Junk).await.unwrap();
        store.copy(folder.id, uids(1..=10), (ANN, name("Deep/er")), true).await.unwrap();
        store.copy(folder.id, uids(11..=15), (ANN, name("Deep/er")), false).await.unwrap();
        let deep = store.folder(ANN, &name("Deep/er")).await.unwrap();
        store.flag(deep.id, uids(3..=8), edit(How::Add, Flags::SEEN, &["$Work"])).await.unwrap();
        told(&store).await
    });
    close(store);
    let salvage = |from: &std::path::Path, to: &std::path::Path| {
        let disk: Arc<dyn Disk> = Arc::new(RealDisk);
        let (from, to) = (post::places(from, 0), post::places(to, 0));
        store::salvage(&disk, &from, &to, UnixTime(2_000_000_000), &mut |_| {}).unwrap()
    };
    let second = scratch.path().join("second");
    let done = salvage(scratch.path(), &second);
    assert_eq!((done.bodies, done.messages, done.strays), (40, 45, 0));
    let store = open(&second);
    assert_eq!(block_on(told(&store)), before);
    block_on(whole(&store));
    close(store);
    // The new trailers say it too: without rows all of it is there, but for folders that hold nothing.
    std::fs::remove_file(second.join("mail/mail.redb")).unwrap();
    let third = scratch.path().join("third");
    assert_eq!(salvage(&second, &third).messages, 45);
    let store = open(&third);
    let messages = |told: &[String]| told.iter().filter(|line| line.starts_with("  ")).cloned().collect::<Vec<_>>();
    assert_eq!(messages(&block_on(told(&store))), messages(&before));
    close(store);
    // Rows that are damaged here and there: no message is lost, and every page is tried.
    let whole = std::fs::read(scratch.path().join("mail/mail.redb")).unwrap();
    for at in (0..whole.len()).step_by(whole.len() / 25) {
        let mut bad = whole.clone();
        bad[at..(at + 300).min(whole.len())].iter_mut().for_each(|octet| *octet ^= 0x55);
        std::fs::write(scratch.path().join("mail/mail.redb"), bad).unwrap();
        let to = scratch.path().join(format!("at-{at}"));
        assert_eq!(salvage(scratch.path(), &to).bodies, 40, "octet {at}");
        let store = open(&to);
        assert_eq!(block_on(store.check(|_| {})).unwrap().problems, Vec::<String>::new(), "octet {at}");
        close(store);
    }
}
