"""What every test may use, and the rule that no test is skipped for a reason nobody agreed to."""

from __future__ import annotations

import os
import tomllib
from pathlib import Path

import pytest

PERMITTED = Path(__file__).with_name("permitted_skips.toml")


@pytest.fixture
def data_dir() -> Path:
    """The folder with the data sets, named by the environment variable ``POCKETMATTE_DATA``."""
    folder = os.environ.get("POCKETMATTE_DATA")
    if not folder:
        pytest.skip("POCKETMATTE_DATA is not set")
    return Path(folder)


class SkipPolicy:
    """Collects skips and expected failures whose reason does not stand in ``permitted_skips.toml``."""

    def __init__(self) -> None:
        self.permitted = {entry["reason"] for entry in tomllib.loads(PERMITTED.read_text())["skip"]}
        self.found: dict[str, str] = {}

    def pytest_collectreport(self, report: pytest.CollectReport) -> None:
        self._look_at(report)

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        self._look_at(report)

    def _look_at(self, report: pytest.CollectReport | pytest.TestReport) -> None:
        if not report.skipped:
            return
        if isinstance(report.longrepr, tuple):
            reason = report.longrepr[2].removeprefix("Skipped: ")
        else:  # an expected failure: its reason stands elsewhere
            reason = getattr(report, "wasxfail", str(report.longrepr)).removeprefix("reason: ")
        if reason not in self.permitted:
            self.found[report.nodeid] = reason

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        if self.found and session.exitstatus in (pytest.ExitCode.OK, pytest.ExitCode.NO_TESTS_COLLECTED):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        if self.found:
            terminalreporter.section(f"skips not permitted by {PERMITTED.name}", red=True)
            for nodeid, reason in self.found.items():
                terminalreporter.line(f"{nodeid}: {reason}")


def pytest_configure(config: pytest.Config) -> None:
    config.pluginmanager.register(SkipPolicy(), "skip-policy")
