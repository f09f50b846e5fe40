"""Messages that Python's email package makes, and what it reads in ours. One JSON document on stdout.

make            -> [{"message": base64, ...what must be seen in it}]
read < message  -> the same for one message
"""
import base64, email, email.policy, json, random, sys
from email.header import Header, decode_header, make_header
from email.mime.application import MIMEApplication
from email.mime.message import MIMEMessage
from email.mime.multipart import MIMEMultipart
from email.mime.nonmultipart import MIMENonMultipart
from email.utils import formataddr, getaddresses

TEXT = ("Съешь ещё этих мягких французских булок, да выпей чаю. " * 30) + "КОНЕЦ ПИСЬМА.\r\n"
SUBJECTS = ["Hello", "Отчёт за ноябрь", "Re: Счёт 42 (очень длинная тема, которая не влезет в одну строку)", ""]
NAMES = ["", "Ann", "Smith, Ann \"the first\"", "Анна Смит", "O'Brien (sales)"]


def text_part(text, charset, encoding):
    part = MIMENonMultipart("text", "plain", charset=charset)
    raw = text.encode(charset, "replace")
    if encoding == "base64":
        part.set_payload(base64.encodebytes(raw).replace(b"\n", b"\r\n").decode())
    elif encoding == "quoted-printable":
        import quopri
        part.set_payload(quopri.encodestring(raw.replace(b"\r\n", b"\n")).replace(b"\n", b"\r\n").decode())
    else:
        part.set_payload(raw.decode("ascii", "surrogateescape"))
    part["Content-Transfer-Encoding"] = encoding
    return part


def header(message, seed):
    rnd = random.Random(seed)
    charset = rnd.choice(["utf-8", "koi8-r", "windows-1251"])
    subject = rnd.choice(SUBJECTS)
    message["Subject"] = Header(subject, charset if not subject.isascii() else None)
    people = [(rnd.choice(NAMES), f"user{n}@office.test") for n in range(rnd.randint(1, 4))]
    message["From"] = formataddr(people[0], charset)
    message["To"] = ",\n ".join(formataddr(p, charset) for p in people)
    message["Date"] = "Tue, 24 Nov 2026 10:00:00 +0300"
    message["Message-ID"] = f"<{seed}@office.test>"


def make():
    random.seed(7)
    made = []
    for n, charset in enumerate(["utf-8", "koi8-r", "windows-1251", "cp866", "iso-8859-5", "utf-16le"]):
        for encoding in ["base64", "quoted-printable", "8bit"]:
            if charset.startswith("utf-16") and encoding != "base64":
                continue
            made.append((f"{charset} {encoding}", text_part(TEXT, charset, encoding)))
    for n in range(24):
        rnd = random.Random(1000 + n)
        made.append((f"tree {n}", tree(rnd, 0)))
    out = []
    for n, (name, message) in enumerate(made):
        header(message, n)
        raw = message.as_bytes(policy=email.policy.compat32.clone(linesep="\r\n", max_line_length=76))
        out.append(dict(read(raw), name=name, message=base64.b64encode(raw).decode()))
    return out


def tree(rnd, depth):
    kind = rnd.choice(["text", "text", "file", "message", "mixed", "mixed", "alternative"]) if depth else "mixed"
    if depth > 4:
        kind = "text"
    if kind in ("mixed", "alternative"):
        part = MIMEMultipart(kind)
        for _ in range(rnd.randint(1, 4)):
            part.attach(tree(rnd, depth + 1))
        return part
    if kind == "message":
        inner = tree(rnd, depth + 1)
        header(inner, rnd.randint(0, 99))
        return MIMEMessage(inner)
    if kind == "file":
        part = MIMEApplication(bytes(rnd.randrange(256) for _ in range(rnd.randrange(400))), rnd.choice(["pdf", "zip"]))
        part.add_header("Content-Disposition", "attachment", filename=("utf-8", "", "отчёт %d.pdf" % rnd.randrange(9)))
        part["Content-ID"] = f"<{rnd.randrange(99)}@x>"
        part["Content-Language"] = rnd.choice(["ru", "ru, en"])
        return part
    text = rnd.choice([TEXT, "short", "", "two\r\nlines\r\n"])
    return text_part(text, rnd.choice(["utf-8", "koi8-r"]), rnd.choice(["base64", "quoted-printable", "8bit"]))


def decoded(value):
    return str(make_header(decode_header(value.replace("\r\n", ""))))


def read(raw):
    message = email.message_from_bytes(raw)
    pairs = getaddresses(message.get_all("To", []))
    return {
        "root": part(message),
        "subject": None if message["Subject"] is None else decoded(message["Subject"]),
        "to": [[decoded(name), address] for name, address in pairs],
        "texts": [t for t in texts(message)],
    }


def part(p):
    leaf = p.get_content_maintype() != "multipart" and p.get_content_type() != "message/rfc822"
    raw = p._payload.encode("utf-8", "surrogateescape") if leaf and isinstance(p._payload, str) else None
    return {
        "type": p.get_content_type(),
        "size": None if raw is None else len(raw),
        "lines": None if raw is None or p.get_content_maintype() != "text" else raw.count(b"\n"),
        "encoding": str(p.get("Content-Transfer-Encoding", "7bit")).strip().lower() or "7bit",
        "disposition": p.get_content_disposition(),
        "id": p.get("Content-ID"),
        "children": [part(c) for c in p.get_payload()] if p.is_multipart() else [],
    }


def texts(message):
    for p in message.walk():
        if p.get_content_maintype() == "text":
            yield p.get_payload(decode=True).decode(p.get_content_charset() or "ascii", "replace")


if sys.argv[1] == "make":
    print(json.dumps(make()))
else:
    print(json.dumps(read(sys.stdin.buffer.read())))
