"""What stands on a terminal: lines that fit it, bold words, and nothing but text where nobody wants more."""

import fcntl
import os
import pty
import re
import struct
import subprocess
import sys
import termios

import pytest
from rich.cells import cell_len

BOLD = re.compile(r"\x1b\[[0-9;]*m")
HOSTILE = "\x1b[2J" + "name " * 20


@pytest.fixture
def priced(folder):
    """The command that prices a table which is there already."""
    name = folder.exact("rules = False", "calendar = 9", f"policies = {{{HOSTILE!r}: [ld.policies.CUSUM(0.3)]}}")
    made = folder.audit(name)
    assert made.exit_code == 0, made.output
    return [sys.executable, "-m", "learning_debt", "audit", name, "--spells", "audit/spells.nc", "--out", "again"]


def on_a_terminal(command, columns, **environment):
    """What a command writes to a terminal of so many columns."""
    leader, follower = pty.openpty()
    fcntl.ioctl(follower, termios.TIOCSWINSZ, struct.pack("HHHH", 50, columns, 0, 0))
    unset = ("COLUMNS", "LINES", "NO_COLOR", "FORCE_COLOR")
    variables = {name: value for name, value in os.environ.items() if name not in unset} | {"TERM": "xterm-256color"}
    process = subprocess.Popen(
        command, stdin=follower, stdout=follower, stderr=follower, env=variables | environment, close_fds=True
    )
    os.close(follower)
    written = b""
    try:
        while part := os.read(leader, 65536):
            written += part
    except OSError:  # the other end has closed
        pass
    os.close(leader)
    assert process.wait() == 0, written.decode()
    return written.decode().replace("\r\n", "\n")


@pytest.mark.parametrize("columns", [80, 100, 160])
def test_lines_fit_the_terminal_and_numbers_are_whole(priced, columns):
    written = on_a_terminal(priced, columns)
    assert "\x1b[1m" in written
    text = BOLD.sub("", written)
    assert "\x1b" not in text
    assert max(map(cell_len, text.splitlines())) <= columns
    rows = re.findall(r"^(?:never|CUSUM|predictive-debt threshold) +(.*)$", text, re.MULTILINE)
    assert len(rows) == 3
    for row in rows:
        assert re.search(r"[+-]\d+\.\d\d \([+-]\d+\.\d\d, [+-]\d+\.\d\d\)", row)
    assert ("Not shown for want of room:" in text) == (columns < 160)


def test_nothing_but_text_under_no_color(priced):
    assert "\x1b" not in on_a_terminal(priced, 80, NO_COLOR="1")
