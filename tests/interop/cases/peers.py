"""The programs that others wrote, as processes."""

import os
import subprocess
import threading
import unittest
from pathlib import Path

from project import ROOT, until

HERE = ROOT / "tests/interop"
PEERS = Path(os.environ["PEERS"])
MLLP_SEND = PEERS / "python/bin/mllp_send"
# One core, and no longer at compiling than such a short life is worth.
JAVA = ["java", "-XX:+UseSerialGC", "-XX:TieredStopAtLevel=1"]


def hapi_mllp(program, *arguments):
    jars = HERE / "hapi-mllp/target"
    return [*JAVA, "-cp", f"{jars}/classes:{jars}/lib/*", f"emr.peer.{program}", *map(str, arguments)]


def hapi_fhir():
    jars = HERE / "hapi-fhir/target"
    quiet = "-Dorg.slf4j.simpleLogger.defaultLogLevel=error"
    return [*JAVA, "-Xmx512m", quiet, "-cp", f"{jars}/classes:{jars}/lib/*", "emr.peer.FhirServer", "0"]


def node(program, *arguments):
    return ["node", str(HERE / f"node/{program}.mjs"), *map(str, arguments)]


def python_hl7(*arguments):
    return [str(PEERS / "python/bin/python"), str(HERE / "python/receive.py"), *map(str, arguments)]


def needs(peer):
    """Skips a case whose peer could not be brought, and says why."""
    missing = PEERS / f"{peer}.missing"
    why = missing.read_text().strip() if missing.exists() else ""
    return unittest.skipIf(missing.exists(), f"{peer} is not to be had here: {why}")


def sent(command):
    """The lines that a sender prints, once it has ended."""
    done = subprocess.run(command, capture_output=True, timeout=300, cwd=PEERS)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.stdout.decode()


class Peer:
    """`with Peer(command)`: a server that says `listening…` once it is there, and what it prints from then on."""

    def __init__(self, command):
        self.command = command
        self.lines = []
        self.errors = []

    def __enter__(self):
        pipe = subprocess.PIPE
        # HAPI leaves a file where it runs.
        self.process = subprocess.Popen(self.command, stdin=pipe, stdout=pipe, stderr=pipe, text=True, cwd=PEERS)
        self.readers = [
            threading.Thread(target=self._read, args=each, daemon=True)
            for each in ((self.process.stdout, self.lines), (self.process.stderr, self.errors))
        ]
        for reader in self.readers:
            reader.start()
        until(self._is_up, f"{self.command[-2:]} listens", lambda: "".join(self.errors))
        return self

    def _is_up(self):
        if self.process.poll() is not None:
            raise AssertionError("".join(self.errors))
        return any(line.startswith("listening") for line in self.lines)

    @staticmethod
    def _read(stream, into):
        for line in stream:
            into.append(line.rstrip("\n"))

    def __exit__(self, *_):
        self.process.stdin.close()
        try:
            self.process.wait(20)
        finally:
            self.process.kill()
            self.process.wait()

    def received(self):
        """What it printed of each message: the first word of each line, its control id."""
        return [line.split()[0] for line in self.lines if not line.startswith("listening")]


def receiver(kind, port, code):
    """What starts a receiver that answers with this code."""
    command = {
        "hapi": lambda: hapi_mllp("Receive", port, code),
        "node": lambda: node("receive", port, code),
        "python": lambda: python_hl7(port, code),
    }
    return command[kind]()
