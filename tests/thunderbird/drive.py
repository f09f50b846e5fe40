#!/usr/bin/env python3
"""Thunderbird's day at one mailbox: set up, read, flag, file, delete, search, be told of new mail, write.

drive.py WORK IMAP SUBMISSION SMTP USER PASSWORD CERTIFICATE

WORK is an empty directory of ours; CERTIFICATE the server's, DER in base64, which the user accepts. Every process is in the group
of this one, and this one ends them. Prints `Thunderbird is content` when all was as it should be.
"""

import os
import pathlib
import shutil
import smtplib
import subprocess
import sys
import time

from marionette import Marionette, port_of

HERE = pathlib.Path(__file__).parent
PATIENCE = 45
SUBJECT = "\u041e\u0442\u0447\u0451\u0442 \u0437\u0430 \u043d\u043e\u044f\u0431\u0440\u044c"
FOLDER = "\u0414\u0435\u043b\u0430"
WORD = "\u0441\u043c\u0435\u0442\u0430"


def main():
    work, imap, submission, smtp, user, password, certificate = sys.argv[1:]
    for program, package in [("thunderbird", "thunderbird"), ("Xvfb", "xvfb"), ("import", "imagemagick")]:
        if not shutil.which(program):
            sys.exit(f"{program} is missing; it comes with: apt-get install {package}")
    work = pathlib.Path(work)
    screen, display = start_screen(work)
    program = start_thunderbird(work, display, {"@IMAP@": imap, "@SUBMISSION@": submission, "@USER@": user})
    try:
        desk = Desk(Marionette(port_of(work / "profile", PATIENCE), PATIENCE), work, display)
        desk.accept(certificate, [int(imap), int(submission)])
        desk.know(user, password)
        day(desk, int(smtp), user)
        print("Thunderbird is content")
    except Exception:
        Desk(None, work, display).shot("failed")
        raise
    finally:
        end(program)
        end(screen)


def start_screen(work):
    """An X server on a free display, which it names itself."""
    readable, writable = os.pipe()
    out = open(work / "xvfb.log", "wb")
    command = ["Xvfb", "-displayfd", str(writable), "-screen", "0", "1400x900x24", "-nolisten", "tcp"]
    screen = subprocess.Popen(command, pass_fds=[writable], stdout=out, stderr=out)
    os.close(writable)
    with os.fdopen(readable) as pipe:
        number = pipe.readline().strip()
    if not number:
        sys.exit(f"Xvfb did not come up: {(work / 'xvfb.log').read_text()}")
    return screen, f":{number}"


def start_thunderbird(work, display, values):
    profile, home = work / "profile", work / "home"
    profile.mkdir()
    home.mkdir()
    text = (HERE / "profile.js").read_text()
    for name, value in values.items():
        text = text.replace(name, value)
    (profile / "user.js").write_text(text)
    environment = {
        "PATH": os.environ["PATH"],
        "HOME": str(home),
        "DISPLAY": display,
        "LANG": "C.UTF-8",
        "MOZ_LOG": "IMAP:4,SMTP:4,timestamp,sync",
        "MOZ_LOG_FILE": str(work / "talk"),
    }
    command = ["thunderbird", "--no-remote", "--profile", profile, "--marionette", "--remote-allow-system-access"]
    out = open(work / "thunderbird.log", "wb")
    return subprocess.Popen(command, env=environment, stdout=out, stderr=out)


def end(process):
    process.terminate()
    try:
        process.wait(5)
    except subprocess.TimeoutExpired:
        process.kill()
        process.wait()


class Desk:
    """The program, and what was seen of it."""

    def __init__(self, marionette, work, display):
        self.marionette, self.work, self.display = marionette, work, display
        self.script = (HERE / "desk.js").read_text()

    def run(self, what, script, *args):
        began = time.monotonic()
        value = self.marionette.run(self.script + script, *args)
        print(f"{what}: {value} ({time.monotonic() - began:.2f} s)", flush=True)
        return value

    def expect(self, what, expected, script, *args):
        value = self.run(what, script, *args)
        if value != expected:
            raise AssertionError(f"{what}: {value!r} instead of {expected!r}")

    def shot(self, name):
        """A picture for whoever wants to see."""
        command = ["import", "-display", self.display, "-window", "root", self.work / f"{name}.png"]
        subprocess.run(command, check=False, timeout=20)

    def idles(self):
        """Waits until the last that it said of the INBOX is IDLE."""
        end = time.monotonic() + PATIENCE
        while True:
            lines = (self.work / "talk.moz_log").read_text(errors="replace").splitlines()
            said = [line for line in lines if ":S-INBOX:SendData:" in line]
            if said and said[-1].rstrip().endswith(" IDLE"):
                return
            if time.monotonic() > end:
                raise TimeoutError(f"it does not idle: {said[-3:]}")
            time.sleep(0.1)

    def accept(self, certificate, ports):
        """Confirms the security exception, as a user does who knows the server."""
        self.run(
            "the certificate is accepted",
            """
            const certs = Cc["@mozilla.org/security/x509certdb;1"].getService(Ci.nsIX509CertDB);
            const certificate = certs.constructX509FromBase64(A[0]);
            const exceptions = Cc["@mozilla.org/security/certoverride;1"].getService(Ci.nsICertOverrideService);
            for (const port of A[1]) exceptions.rememberValidityOverride("127.0.0.1", port, {}, certificate, false);
            return A[1].length;
            """,
            certificate,
            ports,
        )

    def know(self, user, password):
        """Saves the passwords, as the box in the password prompt does."""
        self.run(
            "the passwords are saved",
            """
            for (const scheme of ["imap", "smtp"]) {
              const login = Cc["@mozilla.org/login-manager/loginInfo;1"].createInstance(Ci.nsILoginInfo);
              login.init(`${scheme}://127.0.0.1`, null, `${scheme}://127.0.0.1`, A[0], A[1], "", "");
              await Services.logins.addLoginAsync(login);
            }
            return true;
            """,
            user,
            password,
        )


def day(desk, smtp, user):
    reads(desk)
    flags(desk)
    files(desk)
    deletes(desk)
    searches(desk)
    is_told(desk, smtp, user)
    writes(desk)


def reads(desk):
    """Folders by LIST, their uses, the heads of the INBOX; one message is opened and becomes read."""
    desk.expect(
        "folders",
        ["Drafts", "INBOX", "Junk", "Sent", "Trash"],
        """
        const tab = await until("the window", () => window3()?.gTabmail?.currentAbout3Pane);
        await until("the inbox", () => inbox());
        inbox().getNewMessages(window3().msgWindow, null);
        await until("the uses of folders", () => special(Flag.Trash) && special(Flag.SentMail));
        await until("the folders", () => server().rootFolder.descendants.length >= 5);
        return server().rootFolder.descendants.map(folder => folder.name).sort();
        """,
    )
    desk.expect(
        "subjects",
        ["one", "three", SUBJECT],
        """
        const pane = window3().gTabmail.currentAbout3Pane;
        pane.displayFolder(inbox().URI);
        await until("three messages", () => inbox().getTotalMessages(false) == 3 && mail(inbox()).length == 3);
        return mail(inbox()).map(head => head.mime2DecodedSubject).sort();
        """,
    )
    desk.expect(
        "the open message",
        True,
        """
        const pane = window3().gTabmail.currentAbout3Pane;
        await until("the list", () => pane.gDBView?.rowCount == 3);
        pane.selectMessage(titled(inbox(), A[0]));
        const body = () => pane.messageBrowser?.contentWindow?.getMessagePaneBrowser?.()?.contentDocument?.body;
        await until("its text", () => body()?.textContent?.includes(A[1]));
        await until("it is read", () => titled(inbox(), A[0]).isRead);
        return true;
        """,
        SUBJECT,
        WORD,
    )
    desk.shot("1-read")


def flags(desk):
    desk.expect(
        "flagged",
        True,
        """
        inbox().markMessagesFlagged([titled(inbox(), "one")], true);
        inbox().addKeywordsToMessages([titled(inbox(), "one")], "$label1");
        return await until("a star", () => titled(inbox(), "one").isFlagged);
        """,
    )


def files(desk):
    """A folder with a name in Cyrillic is made, and a message moved there."""
    desk.expect(
        "filed",
        1,
        """
        await ended(listener => {
          server().rootFolder.createSubfolder(A[0], window3().msgWindow);
          until("the folder", () => named(A[0])).then(() => listener.onStopCopy(0), error => listener.onStopCopy(1));
        });
        await ended(listener => MailServices.copy.copyMessages(
          inbox(), [titled(inbox(), A[1])], named(A[0]), true, listener, window3().msgWindow, false));
        named(A[0]).updateFolder(window3().msgWindow);
        await until("it is there", () => titled(named(A[0]), A[1]));
        await until("it is not here", () => !titled(inbox(), A[1]));
        return mail(named(A[0])).length;
        """,
        FOLDER,
        SUBJECT,
    )


def deletes(desk):
    desk.expect(
        "deleted",
        ["one"],
        """
        const three = titled(inbox(), "three");
        await ended(listener => inbox().deleteMessages([three], window3().msgWindow, false, false, listener, true));
        special(Flag.Trash).updateFolder(window3().msgWindow);
        await until("it is in the trash", () => titled(special(Flag.Trash), "three"));
        await until("it is not here", () => !titled(inbox(), "three"));
        return mail(inbox()).map(head => head.mime2DecodedSubject);
        """,
    )


def searches(desk):
    """A word of the body, which the server decodes and looks for."""
    desk.expect(
        "found",
        [SUBJECT],
        """
        const session = Cc["@mozilla.org/messenger/searchSession;1"].createInstance(Ci.nsIMsgSearchSession);
        session.addScopeTerm(Ci.nsMsgSearchScope.onlineMail, named(A[0]));
        const term = session.createTerm();
        const value = term.value;
        [value.attrib, value.str] = [Ci.nsMsgSearchAttrib.Body, A[1]];
        [term.value, term.attrib, term.op] = [value, Ci.nsMsgSearchAttrib.Body, Ci.nsMsgSearchOp.Contains];
        term.booleanAnd = true;
        session.appendTerm(term);
        const found = [];
        await new Promise(resolve => {
          session.registerListener({
            onSearchHit(head) { found.push(head.mime2DecodedSubject); }, onSearchDone: resolve, onNewSearch() {},
          }, Ci.nsIMsgSearchSession.allNotifications);
          session.search(window3().msgWindow);
        });
        return found;
        """,
        FOLDER,
        WORD,
    )


def is_told(desk, smtp, user):
    """A delivery shows itself: Thunderbird is idle and nobody asks."""
    desk.run("back in the inbox", "window3().gTabmail.currentAbout3Pane.displayFolder(inbox().URI);")
    desk.idles()
    desk.expect("before", 1, "return inbox().getTotalMessages(false);")
    with smtplib.SMTP("127.0.0.1", smtp) as client:
        client.sendmail("bob@office.test", [user], "From: bob@office.test\r\nSubject: just now\r\n\r\nTold by IDLE.\r\n")
    desk.expect(
        "told",
        "just now",
        'return (await until("the new message", () => titled(inbox(), "just now"), 15)).mime2DecodedSubject;',
    )
    desk.shot("2-told")


def writes(desk):
    desk.run(
        "a letter",
        """
        const fields = Cc["@mozilla.org/messengercompose/composefields;1"].createInstance(Ci.nsIMsgCompFields);
        const letter = Cc["@mozilla.org/messengercompose/composeparams;1"].createInstance(Ci.nsIMsgComposeParams);
        [fields.to, fields.subject, fields.body] = ["bob@office.test", A[0], A[1] + "\\n"];
        letter.composeFields = fields;
        [letter.format, letter.type] = [Ci.nsIMsgCompFormat.PlainText, Ci.nsIMsgCompType.New];
        letter.identity = MailServices.accounts.getAccount("account1").defaultIdentity;
        MailServices.compose.OpenComposeWindowWithParams(null, letter);
        const editor = await until("the editor", () => Services.wm.getMostRecentWindow("msgcompose"));
        await until("it is ready", () => editor.composeEditorReady);
        return editor.document.title;
        """,
        "Re: " + SUBJECT,
        WORD,
    )
    desk.shot("3-letter")
    desk.expect(
        "sent and kept",
        SUBJECT,
        """
        const editor = Services.wm.getMostRecentWindow("msgcompose");
        editor.goDoCommand("cmd_sendNow");
        await until("it is sent", () => editor.closed);
        const sent = special(Flag.SentMail);
        sent.updateFolder(window3().msgWindow);
        const copy = await until("the copy", () => mail(sent)[0]);
        // It keeps "Re: " apart.
        return copy.flags & Ci.nsMsgMessageFlags.HasRe && copy.mime2DecodedSubject;
        """,
        "Re: " + SUBJECT,
    )
    desk.shot("4-sent")


if __name__ == "__main__":
    main()
