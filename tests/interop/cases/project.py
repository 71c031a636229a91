"""A project that the real binary runs, and the messages that it gets."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from pathlib import Path

EMR = os.environ["EMR"]
ROOT = Path(__file__).resolve().parents[3]

# How long anything may take that must come about: no case depends on how long it does.
DEADLINE = 90


def until(holds, what, log=lambda: ""):
    """Waits until something holds, and gives what it gave."""
    end = time.monotonic() + DEADLINE
    while True:
        if found := holds():
            return found
        if time.monotonic() > end:
            raise AssertionError(f"it does not come about: {what}\n{log()}")
        time.sleep(0.02)


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def listens(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Site:
    """`with Site(text, port)`: a project of one file that runs, its feed on `port` if it has one there."""

    def __init__(self, text, port=None):
        self.folder = Path(tempfile.mkdtemp(prefix="emr-interop-"))
        (self.folder / "in").mkdir()
        (self.folder / "emr.toml").write_text('[project]\nname = "site"\ntimezone = "Europe/Zurich"\n')
        (self.folder / "site.emr").write_text(text)
        self.port = port

    def __enter__(self):
        self.log = (self.folder / "log").open("w+b")
        self.process = subprocess.Popen([EMR, "run", self.folder], stdout=self.log, stderr=self.log)
        until(self._is_up, "emr run listens", self.said)
        return self

    def __exit__(self, *_):
        self.process.send_signal(signal.SIGTERM)
        try:
            code = self.process.wait(DEADLINE)
        finally:
            self.process.kill()
            said = self.said()
            self.log.close()
            shutil.rmtree(self.folder)
        assert code == 0, f"emr run ended with {code}\n{said}"

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError(f"emr run ended by itself\n{self.said()}")
        return listens(self.port) if self.port else "takes messages" in self.said()

    def said(self):
        return (self.folder / "log").read_text()

    def put(self, name, text):
        """A file for the folder that is watched; it appears whole."""
        part = self.folder / "in" / f".{name}"
        part.write_bytes(text.encode() if isinstance(text, str) else text)
        part.rename(self.folder / "in" / name)

    def out(self):
        """What its file target wrote, in the order of the names."""
        files = sorted((self.folder / "out").glob("*")) if (self.folder / "out").exists() else []
        return [file.read_bytes() for file in files]

    def status(self):
        output = subprocess.run([EMR, "status", "--format", "json", self.folder], capture_output=True, check=True)
        return json.loads(output.stdout)[0]

    def until_settled(self, accepted):
        """The status once so many were accepted and none is in flight."""
        def settled():
            status = self.status()
            return status if status["accepted"] == accepted and status["in_flight"] == 0 else None

        return until(settled, f"{accepted} messages settled", lambda: f"{self.status()}\n{self.said()}")


def real_messages(*types):
    """Messages of these types, each once for a control id, that other projects test with; those of the examples where
    these are not there. Lines end with CR, MSH-15 and MSH-16 are empty."""
    data = ROOT.parent / "shared/data/messages"
    if not data.exists():
        print("shared/data is not there: the examples' messages are sent")
        data = ROOT / "examples"
    found = {}
    for file in sorted(data.rglob("*")):
        if not file.is_file() or file.suffix not in (".hl7", ".txt", ""):
            continue
        lines = re.sub(rb"\r\n?|\n", b"\r", file.read_bytes())
        for text in re.split(rb"\r(?=MSH\|)", b"\r" + lines)[1:]:
            text = text.strip(b"\r \n") + b"\r"
            header, rest = text.split(b"\r", 1)
            fields = header.split(b"|")
            # A header as it must be, in a charset that all peers read.
            if len(fields) < 12 or fields[1] != b"^~\\&" or not fields[11] or not re.fullmatch(rb"[\w.-]+", fields[9]) or not text.isascii():
                continue
            if b"^".join(fields[8].split(b"^")[:2]).decode() in types and rest:
                found.setdefault(fields[9], b"|".join(fields[:14]) + b"\r" + rest)
    return list(found.values())


def asking(message, accept, application):
    """The same message with MSH-15 and MSH-16, and a control id of its own."""
    header, rest = message.split(b"\r", 1)
    fields = (header.split(b"|") + [b""] * 16)[:16]
    fields[9] += b"-" + accept + application
    fields[14:16] = accept, application
    return b"|".join(fields) + b"\r" + rest


def control(message):
    return message.split(b"\r", 1)[0].split(b"|")[9].decode()
