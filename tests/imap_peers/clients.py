"""imapclient and imap-tools, from login to the last folder. argv: plain port, TLS port, user, password."""
import ssl, sys, time, datetime
from imapclient import IMAPClient
from imap_tools import MailBoxUnencrypted, MailBox, AND, MailMessageFlags

plain, tls, user, password = int(sys.argv[1]), int(sys.argv[2]), sys.argv[3], sys.argv[4]
context = ssl._create_unverified_context()


def with_imapclient():
    c = IMAPClient("127.0.0.1", port=tls, ssl_context=context, timeout=30)
    assert c.login(user, password)
    for word in (b"IDLE", b"UIDPLUS", b"MOVE", b"SPECIAL-USE", b"CONDSTORE", b"ESEARCH", b"LITERAL+", b"QUOTA", b"NAMESPACE"):
        assert word in c.capabilities() or word.decode() in str(c.capabilities()), word
    print("id", c.id_({"name": "imapclient"}))
    print("namespace", c.namespace())
    assert c.find_special_folder(b"\\Sent") == "Sent"
    c.create_folder("Договоры/2026 & ещё")
    assert "Договоры/2026 & ещё" in [f[2] for f in c.list_folders()]
    c.subscribe_folder("Договоры/2026 & ещё")
    assert "Договоры/2026 & ещё" in [f[2] for f in c.list_sub_folders()]
    assert c.folder_status("INBOX", ["MESSAGES", "UIDNEXT", "UNSEEN"])[b"MESSAGES"] == 3
    picked = c.select_folder("INBOX")
    assert picked[b"EXISTS"] == 3 and b"UIDVALIDITY" in picked
    uids = c.search("ALL")
    assert len(uids) == 3
    assert c.search(["SUBJECT", "Отчёт"], charset="UTF-8") == uids[1:2]
    assert c.search(["TEXT", "привет"], charset="UTF-8") == uids
    got = c.fetch(uids, ["ENVELOPE", "BODYSTRUCTURE", "FLAGS", "INTERNALDATE", "RFC822.SIZE", "BODY.PEEK[HEADER.FIELDS (SUBJECT)]"])
    assert got[uids[0]][b"ENVELOPE"].from_[0].mailbox == b"bob"
    assert got[uids[0]][b"BODYSTRUCTURE"][0] == b"text"
    assert b"\\Seen" not in got[uids[0]][b"FLAGS"]
    whole = c.fetch(uids[:1], ["BODY[]"])[uids[0]][b"BODY[]"]
    assert len(whole) == got[uids[0]][b"RFC822.SIZE"]
    assert b"\\Seen" in c.get_flags(uids[:1])[uids[0]]
    c.add_flags(uids, [b"\\Flagged", b"$Label1"])
    assert b"$Label1" in c.get_flags(uids)[uids[2]]
    c.remove_flags(uids[:1], [b"\\Flagged"])
    said = c.append("Договоры/2026 & ещё", b"Subject: appended\r\n\r\nbody\r\n", flags=[b"\\Seen"], msg_time=datetime.datetime(2020, 2, 29, 12, 0))
    assert b"APPENDUID" in said
    c.copy(uids[:2], "Договоры/2026 & ещё")
    c.move(uids[2:], "Договоры/2026 & ещё")
    assert c.search("ALL") == uids[:2]
    assert c.folder_status("Договоры/2026 & ещё", ["MESSAGES"])[b"MESSAGES"] == 4
    c.rename_folder("Договоры/2026 & ещё", "Договоры/прошлое")
    c.delete_messages(uids[:1])
    c.uid_expunge(uids[:1])
    assert c.search("ALL") == uids[1:2]
    other = IMAPClient("127.0.0.1", port=plain, ssl=False, timeout=30)
    other.login(user, password)
    c.idle()
    other.append("INBOX", b"Subject: while idle\r\n\r\nhello\r\n")
    start, seen = time.monotonic(), []
    while not any(word == b"EXISTS" for _, word, *_ in seen):
        assert time.monotonic() - start < 10, seen
        seen += c.idle_check(timeout=5)
    print("idle heard of it after %.3f s" % (time.monotonic() - start))
    c.idle_done()
    print("quota", c.get_quota_root("INBOX"))
    c.delete_folder("Договоры/прошлое")
    other.logout()
    c.unselect_folder()
    c.logout()


def with_imap_tools():
    with MailBoxUnencrypted("127.0.0.1", port=plain).login(user, password) as box:
        assert {f.name for f in box.folder.list()} >= {"INBOX", "Sent", "Drafts", "Junk", "Trash"}
        messages = list(box.fetch(AND(all=True), mark_seen=False))
        assert [m.subject for m in messages] == ["Отчёт за ноябрь", "while idle"], [m.subject for m in messages]
        box.folder.create("Отчёты")
        uid = messages[0].uid
        box.flag([uid], [MailMessageFlags.FLAGGED], True)
        assert [m.uid for m in box.fetch(AND(flagged=True), mark_seen=False)] == [uid]
        assert [m.uid for m in box.fetch(AND(subject="ноябрь"), charset="utf8", mark_seen=False)] == [uid]
        box.move([uid], "Отчёты")
        box.folder.set("Отчёты")
        moved = list(box.fetch())
        assert moved[0].subject == "Отчёт за ноябрь" and "привет" in moved[0].text.lower()
        box.folder.set("INBOX")
        box.delete([m.uid for m in box.fetch(mark_seen=False)])
        assert box.folder.status("INBOX")["MESSAGES"] == 0
        box.folder.delete("Отчёты")
    with MailBox("127.0.0.1", port=tls, ssl_context=context).login(user, password) as box:
        assert box.folder.exists("Trash")


with_imapclient()
with_imap_tools()
print("both are content")
