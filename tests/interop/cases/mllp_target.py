"""Receivers that others wrote, and a target of ours that sends to them."""

import unittest

from peers import Peer, needs, receiver
from project import Site, asking, control, free_port, real_messages, until

PROJECT = """
feed folder from file "in" {
    stable: 0s
    every:  100ms
    accept ADT_A01 for ADT^A01, ADT^A04, ADT^A08
    accept ORU_R01 for ORU^R01
}
target peer to mllp "127.0.0.1:PORT" {
    retry:          { from: 10ms, to: 100ms }
    answer_timeout: 5s
    mode:           "MODE"
}
route all from folder to peer
"""


class Receivers:
    most = 60
    mode = "original"

    def setUp(self):
        self.port = free_port()
        self.site = self.enterContext(Site(PROJECT.replace("PORT", str(self.port)).replace("MODE", self.mode)))
        self.messages = real_messages("ADT^A01", "ADT^A04", "ADT^A08", "ORU^R01")[: self.most]

    def peer(self, code):
        return Peer(receiver(self.kind, self.port, code))

    def put(self, most):
        """Sends so many messages on their way, and gives their control ids."""
        for number, message in enumerate(self.messages[:most]):
            self.site.put(f"{number:04}.hl7", message)
        return [control(message) for message in self.messages[:most]]

    def test_all_arrive_in_their_order(self):
        with self.peer("AA") as peer:
            controls = self.put(self.most)
            self.assertEqual((status := self.site.until_settled(len(controls)))["delivered"], len(controls), status)
            self.assertEqual(list(dict.fromkeys(peer.received())), controls)

    def test_what_is_refused_is_parked_behind_three_tries(self):
        with self.peer("AE") as peer:
            first, second = self.put(2)
            self.assertEqual(len(self.site.until_settled(2)["parked"]), 2)
            self.assertEqual(peer.received(), [first] * 3 + [second] * 3)

    def test_a_receiver_that_rejects_is_asked_until_it_accepts(self):
        with self.peer("AR") as peer:
            self.put(1)
            until(lambda: len(peer.received()) > 4, "it is asked again")
            self.assertEqual(self.site.status()["in_flight"], 1)
        with self.peer("AA"):
            self.assertEqual(self.site.until_settled(1)["delivered"], 1)

    def test_what_waits_goes_on_when_a_receiver_comes_back(self):
        controls = self.put(5)
        with self.peer("AA") as peer:
            self.assertEqual(self.site.until_settled(5)["delivered"], 5)
            self.assertEqual(list(dict.fromkeys(peer.received())), controls)


@needs("hapi-mllp")
class Hapi(Receivers, unittest.TestCase):
    kind = "hapi"

    def test_a_receiver_in_enhanced_mode_says_that_it_has_it(self):
        with self.peer("CA"):
            self.put(5)
            self.assertEqual(self.site.until_settled(5)["delivered"], 5)


@needs("python")
class PythonHl7(Receivers, unittest.TestCase):
    kind = "python"


@needs("python")
class PythonHl7Enhanced(unittest.TestCase):
    """A receiver that says first that it has a message, and then what became of it."""

    mode = "enhanced"
    kind = "python"
    setUp, peer, put, most = Receivers.setUp, Receivers.peer, Receivers.put, 20

    def delivered(self, codes, accept=b"AL", application=b"AL"):
        self.messages = [asking(message, accept, application) for message in self.messages]
        with self.peer(codes) as peer:
            controls = self.put(self.most)
            status = self.site.until_settled(len(controls))
            self.assertEqual(list(dict.fromkeys(peer.received())), controls)
        return status["delivered"]

    def test_both_answers_are_awaited(self):
        self.assertEqual(self.delivered("CA,AA"), self.most)

    def test_the_first_is_enough_where_no_second_is_asked_for(self):
        self.assertEqual(self.delivered("CA", application=b"NE"), self.most)

    def test_the_second_decides(self):
        self.most = 2
        self.assertEqual(self.delivered("CA,AE"), 0)


@needs("node")
class NodeHl7(Receivers, unittest.TestCase):
    kind = "node"
