"""Senders that others wrote, and a feed of ours that answers them."""

import tempfile
import unittest
from pathlib import Path

from peers import MLLP_SEND, hapi_mllp, needs, node, sent
from project import Site, asking, control, free_port, real_messages

PROJECT = """
feed wire from mllp "127.0.0.1:PORT" {
    mode: "MODE"
    tls: none because "the sender is on this machine"
    accept ADT_A01 for ADT^A01, ADT^A04, ADT^A08
    accept ORU_R01 for ORU^R01
}
target archive to file { path: "out/{receipt.sequence}.hl7" }
route all from wire to archive
"""

TYPES = ("ADT^A01", "ADT^A04", "ADT^A08", "ORU^R01")


class Senders:
    """Each way to send a file of messages gives the pairs of MSA-2 and MSA-1 that came back, in their order."""

    mode = "original"

    def setUp(self):
        port = free_port()
        self.site = self.enterContext(Site(PROJECT.replace("PORT", str(port)).replace("MODE", self.mode), port))
        self.messages = real_messages(*TYPES)[: self.most]
        self.assertGreater(len(self.messages), 2)

    def answers(self, messages):
        with tempfile.NamedTemporaryFile(suffix=".hl7") as file:
            file.write(b"\n".join(messages))
            file.flush()
            return self.send(Path(file.name))

    def answered(self, messages, code):
        """Sends them; each is answered by this code, and all of them arrive, in their order."""
        before = len(self.site.out())
        self.assertEqual(self.answers(messages), [(control(message), code) for message in messages])
        status = self.site.until_settled(before + len(messages))
        self.assertEqual(status["delivered"], before + len(messages), status)
        arrived = {control(message): message for message in self.site.out()}
        for message in messages:
            self.assertEqual(self.form(arrived[control(message)]), self.form(message))

    def test_original_mode_is_answered_by_AA(self):
        self.answered(self.messages, "AA")

    def test_enhanced_mode_is_answered_by_CA_or_AA_as_asked(self):
        few = self.messages[:20]
        self.answered([asking(message, b"AL", b"NE") for message in few], "CA")
        self.answered([asking(message, b"NE", b"AL") for message in few], "AA")

    def test_what_is_not_served_is_rejected(self):
        other = [message.replace(b"|ADT^", b"|BAR^", 1).replace(b"|ORU^", b"|BAR^", 1) for message in self.messages[:5]]
        self.assertEqual([code for _, code in self.answers(other)], ["AR"] * len(other))

    def test_the_same_once_more_is_answered_the_same_and_stored_once(self):
        few = self.messages[:5]
        self.assertEqual(self.answers(few), self.answers(few))
        self.assertEqual((status := self.site.until_settled(len(few)))["delivered"], len(few), status)

    @staticmethod
    def form(message):
        return message.rstrip(b"\r")


@needs("hapi-mllp")
class Hapi(Senders, unittest.TestCase):
    most = 150

    def send(self, file):
        lines = sent(hapi_mllp("Send", "127.0.0.1", self.site.port, file)).splitlines()
        return [tuple(line.split()[:2]) for line in lines]

    # It writes a message anew, without separators that nothing stands behind, and without segments that its version
    # does not have there.
    @staticmethod
    def form(message):
        return control(message)

    def test_enhanced_mode_with_both_answers(self):
        few = [asking(message, b"AL", b"AL") for message in self.messages[:20]]
        # Both have the MSA-2 that it waits for, and it takes the one or the other.
        answers = self.answers(few)
        self.assertEqual([of for of, _ in answers], [control(message) for message in few])
        self.assertLessEqual({code for _, code in answers}, {"CA", "AA"})
        self.assertEqual(self.site.until_settled(len(few))["delivered"], len(few))


@needs("python")
class PythonHl7(Senders, unittest.TestCase):
    most = 500

    def send(self, file):
        text = sent([MLLP_SEND, "--loose", "--file", file, "--port", str(self.site.port), "127.0.0.1"])
        answers = [answer.split("\r") for answer in text.split("\x0b")[1:]]
        found = [next(line for line in answer if line.startswith("MSA")).split("|") for answer in answers]
        return [(fields[2], fields[1]) for fields in found]


@needs("node")
class NodeHl7(Senders, unittest.TestCase):
    most = 100

    def send(self, file):
        return [tuple(line.split()) for line in sent(node("send", self.site.port, file)).splitlines()]


@needs("node")
class NodeHl7OfAnEnhancedFeed(unittest.TestCase):
    mode = "enhanced"
    most = 20
    setUp, answers, answered, form = Senders.setUp, Senders.answers, Senders.answered, staticmethod(Senders.form)
    send = NodeHl7.send

    def test_a_message_that_asks_for_nothing_is_answered_by_CA(self):
        self.answered(self.messages, "CA")
