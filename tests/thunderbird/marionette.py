"""Speaks Marionette, by which Thunderbird is driven: `length:[0, id, command, parameters]` over TCP, one at a time."""

import json
import socket
import time


class Marionette:
    """A session in the privileged context: scripts see what the program's own windows see."""

    def __init__(self, port, patience):
        self.stream = socket.create_connection(("127.0.0.1", port), timeout=patience)
        self.buffer = b""
        self.number = 0
        self._read()
        self._ask("WebDriver:NewSession", capabilities={})
        self._ask("Marionette:SetContext", value="chrome")
        self._ask("WebDriver:SetTimeouts", script=int(patience * 1000))

    def _read(self):
        while b":" not in self.buffer:
            self._more()
        length, self.buffer = self.buffer.split(b":", 1)
        while len(self.buffer) < int(length):
            self._more()
        text, self.buffer = self.buffer[: int(length)], self.buffer[int(length) :]
        return json.loads(text)

    def _more(self):
        octets = self.stream.recv(65536)
        if not octets:
            raise EOFError("Thunderbird hung up")
        self.buffer += octets

    def _ask(self, command, **parameters):
        self.number += 1
        text = json.dumps([0, self.number, command, parameters]).encode()
        self.stream.sendall(b"%d:%s" % (len(text), text))
        _, _, error, result = self._read()
        if error:
            raise RuntimeError(f"{error.get('error')}: {error.get('message')}")
        return result

    def run(self, script, *args):
        """Runs the body of an async function, `A` its arguments, and gives what it returns."""
        wrapped = (
            "const done = arguments[arguments.length - 1]; const A = arguments;"
            "(async () => {" + script + "})().then(value => done({value}),"
            "error => done({error: String(error) + ' ' + (error && error.stack)}));"
        )
        result = self._ask("WebDriver:ExecuteAsyncScript", script=wrapped, args=list(args), newSandbox=True)["value"]
        if result.get("error"):
            raise RuntimeError(result["error"])
        return result.get("value")


def port_of(profile, patience):
    """The port that Thunderbird chose, once it wrote it down."""
    end = time.monotonic() + patience
    while True:
        try:
            return int((profile / "MarionetteActivePort").read_text())
        except (OSError, ValueError):
            if time.monotonic() > end:
                raise TimeoutError("Thunderbird did not come up") from None
            time.sleep(0.1)
