"""A disk that is full, or may only be read: a real one of a few megabytes, in a name space of mounts of its own."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
MEGABYTES = 16


def may_mount():
    """Whether file systems can be mounted here, where nobody else sees them."""
    if os.name != "posix" or shutil.which("unshare") is None:
        return False
    tried = "mount -t tmpfs -o size=1m tmpfs /mnt"
    return subprocess.run(["unshare", "-m", "sh", "-c", tried], capture_output=True, check=False).returncode == 0


pytestmark = [
    pytest.mark.integration,
    pytest.mark.slow,
    pytest.mark.skipif(not may_mount(), reason="file systems cannot be mounted here: it takes root and unshare"),
]

BEGINNING = """
import os, sys
from pathlib import Path
import learning_debt as ld
from learning_debt.monitor import verify_folder, state_folder
from tests.monitor.a_monitor import *

disk = Path(sys.argv[1])
ROWS = history()
monitor = made(disk / "state", ROWS)
monitor.observe(part(ROWS, 20))

def fill(left):
    "Take the disk up but for so many bytes."
    (disk / "filler").unlink(missing_ok=True)
    room = os.statvfs(disk)  # a page at a time is what there is
    size = room.f_bavail * room.f_frsize - left
    with open(disk / "filler", "wb") as stream:
        stream.write(bytes(max(size, 0)))

def refused(message):
    "Observe in vain; no file that counts may have changed: a stray one is cleaned away by the next writer."
    before = contents(disk / "state")
    try:
        monitor.observe(part(ROWS, 21))
    except OSError as error:
        assert message in str(error), error
    else:
        raise SystemExit("it was observed")
    after = contents(disk / "state")
    names = [name for name in before if before[name] != after.get(name) and not name.endswith(("-shm", "-wal"))]
    assert names == [], names
    if (disk / "filler").exists():
        (disk / "filler").unlink()
    assert verify_folder(disk / "state").ok
    assert monitor.status()["period"] == 1
"""
FULL = """
fill(1 << 20)
refused("nothing has been begun, free some space first")
state_folder.SPARE_BYTES = 0
kinds = set()
for left in (0, 4096, 8192, 12288, 16384, 20480, 28672, 36864):
    fill(left)
    try:
        refused("")
    except SystemExit:
        break
    kinds.add(left)
assert len(kinds) > 2, kinds
(disk / "filler").unlink(missing_ok=True)
print("refused with", sorted(kinds))
"""
AFTER = """
monitor = ld.Monitor.open(disk / "state", FORECASTER)
assert monitor.observe(part(ROWS, 21)).label == 21
assert monitor.observe(part(ROWS, 22)).label == 22
assert monitor.verify(replay=True).findings == ()
"""
READ_ONLY = """
import subprocess
subprocess.run(["mount", "-o", "remount,ro", disk], check=True)
refused("cannot be written")
assert monitor.verify(replay=True).ok
try:
    monitor.redeploy(force=True)
except OSError as error:
    assert "Read-only file system" in str(error), error
else:
    raise SystemExit("it was put into service")
subprocess.run(["mount", "-o", "remount,rw", disk], check=True)
"""


@pytest.mark.parametrize("way", [FULL, READ_ONLY], ids=["full", "read-only"])
def test_nothing_changes_on_a_disk_that_cannot_be_written(tmp_path, way):
    script = tmp_path / "script.py"
    script.write_text(BEGINNING + way + AFTER)
    disk = tmp_path / "disk"
    disk.mkdir()
    mounted = f'mount -t tmpfs -o size={MEGABYTES}m tmpfs "$1" && exec "$2" "$3" "$1"'
    environment = os.environ | {"PYTHONPATH": os.pathsep.join([str(ROOT / "src"), str(ROOT)])}
    done = subprocess.run(
        ["unshare", "-m", "sh", "-c", mounted, "sh", disk, sys.executable, script],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout + done.stderr
