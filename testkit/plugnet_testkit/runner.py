"""The runner behind python3 -m plugnet_testkit: unittest's own, with JUnit XML as a result."""
# SPDX-License-Identifier: MIT
import argparse
import importlib.util
import os
import re
import sys
import time
import unittest
import xml.etree.ElementTree as xml
from typing import Any, List, Optional, Tuple

BAD = re.compile("[^\t\n\r -\ud7ff\ue000-\ufffd]")  # what XML can't hold


class JUnitResult(unittest.TextTestResult):
    """Remembers each test's time and what came of it."""

    def __init__(self, *arguments: Any, **options: Any):
        super().__init__(*arguments, **options)
        self.cases: List[Tuple[str, float, Optional[str], str]] = []
        self._begin, self._time = 0.0, 0.0
        self._kind: Optional[str] = None
        self._text = ""

    def startTest(self, test: unittest.TestCase) -> None:
        super().startTest(test)
        self._begin, self._kind, self._text = time.monotonic(), None, ""

    def _note(self, kind: str, text: str) -> None:
        if self._kind != "error":
            self._kind = kind
        self._text += text

    def addFailure(self, test: unittest.TestCase, err: Any) -> None:
        super().addFailure(test, err)
        self._note("failure", self.failures[-1][1])

    def addError(self, test: unittest.TestCase, err: Any) -> None:
        super().addError(test, err)
        self._note("error", self.errors[-1][1])
        if not isinstance(test, unittest.TestCase):  # setUpClass, setUpModule: no test of its own
            self.cases.append((str(test), 0.0, "error", self.errors[-1][1]))

    def addSubTest(self, test: unittest.TestCase, subtest: unittest.TestCase, err: Any) -> None:
        super().addSubTest(test, subtest, err)
        if err is not None:
            failed = issubclass(err[0], test.failureException)
            self._note("failure" if failed else "error", f"{subtest}\n" + (self.failures if failed else self.errors)[-1][1])

    def addSkip(self, test: unittest.TestCase, reason: str) -> None:
        super().addSkip(test, reason)
        self._note("skipped", reason)

    def addUnexpectedSuccess(self, test: unittest.TestCase) -> None:
        super().addUnexpectedSuccess(test)
        self._note("failure", "passed, though a failure was expected")

    def stopTest(self, test: unittest.TestCase) -> None:
        self.cases.append((test.id(), time.monotonic() - self._begin, self._kind, self._text))
        super().stopTest(test)

    def junit(self, name: str) -> xml.Element:
        """All tests as one <testsuite> in <testsuites>."""
        kinds = [case[2] for case in self.cases]
        counts = {"tests": str(len(kinds)), "failures": str(kinds.count("failure")), "errors": str(kinds.count("error")),
                  "skipped": str(kinds.count("skipped")), "time": f"{sum(case[1] for case in self.cases):.3f}"}
        root = xml.Element("testsuites", counts)
        suite = xml.SubElement(root, "testsuite", {"name": name, **counts})
        for identity, seconds, kind, text in self.cases:
            group, _, own = identity.rpartition(".")
            case = xml.SubElement(suite, "testcase", {"classname": BAD.sub("?", group), "name": BAD.sub("?", own),
                                                      "time": f"{seconds:.3f}"})
            if kind is not None:
                last = text.strip().splitlines()[-1] if text.strip() else kind
                xml.SubElement(case, kind, {"message": BAD.sub("?", last)}).text = BAD.sub("?", text)
        return root


def tests_load(names: List[str]) -> unittest.TestSuite:
    """Files, folders and unittest's names as one suite."""
    loader, suite = unittest.TestLoader(), unittest.TestSuite()
    for name in names:
        if os.path.isdir(name):
            suite.addTests(loader.discover(name, "test*.py", name))
        elif os.path.isfile(name):
            folder, module = os.path.dirname(os.path.abspath(name)), os.path.splitext(os.path.basename(name))[0]
            if folder not in sys.path:
                sys.path.insert(0, folder)
            spec = importlib.util.spec_from_file_location(module, name)
            assert spec is not None and spec.loader is not None, name
            sys.modules[module] = loaded = importlib.util.module_from_spec(spec)
            spec.loader.exec_module(loaded)
            suite.addTests(loader.loadTestsFromModule(loaded))
        else:
            suite.addTests(loader.loadTestsFromName(name))
    return suite


def tests_choose(suite: unittest.TestSuite, pattern: str) -> unittest.TestSuite:
    """Those whose name contains the pattern."""
    chosen = unittest.TestSuite()
    for test in suite:
        if isinstance(test, unittest.TestSuite):
            chosen.addTests(tests_choose(test, pattern))
        elif pattern in test.id():
            chosen.addTest(test)
    return chosen


def main(argv: Optional[List[str]] = None) -> int:
    """The command."""
    parser = argparse.ArgumentParser(prog="python3 -m plugnet_testkit", description="Run unittest's tests.")
    parser.add_argument("tests", nargs="+", metavar="TEST", help="a file, a folder, or a name as unittest takes it")
    parser.add_argument("--junit", metavar="FILE", help="write the results as JUnit XML")
    parser.add_argument("-k", metavar="PATTERN", help="only tests with this in their name")
    parser.add_argument("-v", action="store_true", help="name each test")
    options = parser.parse_args(argv)
    sys.path.insert(0, os.getcwd())
    try:
        suite = tests_load(options.tests)
    except (OSError, SyntaxError, ImportError) as error:
        print(f"plugnet_testkit: {error}", file=sys.stderr)
        return 2
    if options.k:
        suite = tests_choose(suite, options.k)
    runner = unittest.TextTestRunner(verbosity=2 if options.v else 1, resultclass=JUnitResult)
    result = runner.run(suite)
    assert isinstance(result, JUnitResult)
    if options.junit:
        tree = xml.ElementTree(result.junit(" ".join(options.tests)))
        try:
            tree.write(options.junit, encoding="utf-8", xml_declaration=True)
        except OSError as error:
            print(f"plugnet_testkit: {options.junit}: {error.strerror}", file=sys.stderr)
            return 2
    if not result.testsRun:
        print("plugnet_testkit: no test ran", file=sys.stderr)
    return 0 if result.wasSuccessful() and result.testsRun else 1
