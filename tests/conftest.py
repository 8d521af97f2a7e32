"""What long tests found, as lines below the results."""

from tests.shown import SHOWN


def pytest_terminal_summary(terminalreporter, config):
    lines = config.stash.get(SHOWN, [])
    if lines:
        terminalreporter.section("what was shown")
        for line in lines:
            terminalreporter.write_line(line)
