"""What was held and what was found of it, as a table below the tests."""

import pytest

HELD = pytest.StashKey[list[str]]()


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(HELD, [])
    if lines:
        terminalreporter.section("the chat on the peers")
        for line in lines:
            terminalreporter.write_line(line)
