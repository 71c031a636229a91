"""Runs all cases, or those that are named; the last line counts."""

import sys
import time
import unittest

import fhir_target
import mllp_feed
import mllp_target


class Timed(unittest.TextTestResult):
    """Says how long each case took."""

    def startTest(self, test):
        self.from_ = time.monotonic()
        super().startTest(test)

    def stopTest(self, test):
        self.stream.writeln(f"  {time.monotonic() - self.from_:.1f} s")
        super().stopTest(test)


if __name__ == "__main__":
    tests = unittest.TestSuite()
    for module in (mllp_feed, mllp_target, fhir_target):
        tests.addTests(unittest.defaultTestLoader.loadTestsFromModule(module))
    if len(sys.argv) > 1:
        tests = unittest.defaultTestLoader.loadTestsFromNames(sys.argv[1:])
    result = unittest.TextTestRunner(verbosity=2, stream=sys.stdout, resultclass=Timed).run(tests)
    failed = len(result.failures) + len(result.errors)
    print(f"{result.testsRun - failed - len(result.skipped)} passed, {failed} failed")
    sys.exit(failed > 0)
