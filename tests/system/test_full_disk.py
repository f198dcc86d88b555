"""Saved clips on a small disk of their own."""

import os
import subprocess
import sys

import pytest
from conftest import ROOT

FULL_DISK = """
import sys, time
sys.path[:0] = ["tests", "tests/support", "tests/runtime"]
import logging
logging.basicConfig(format="%(message)s", stream=sys.stdout)
from pathlib import Path
from test_clips import Recording
saved = Recording(Path("/mnt/clips"))
for n in range(10):
    saved.detect(2 + n / 2)
saved.wait(10)
saved.worker.close(30)
print(saved.worker.handled, saved.worker.failed, len(saved.files), len(saved.manifest))
print(sorted(p.name for p in saved.folder.iterdir() if p.suffix not in (".wav", ".jsonl")))
"""


def test_a_full_disk_is_one_line_and_counted() -> None:
    mount = "mount -t tmpfs -o size=300k none /mnt && "
    namespace = ["unshare", "--map-root-user", "--mount", "sh", "-c"]
    if subprocess.run([*namespace, mount + "true"], capture_output=True, check=False).returncode:
        pytest.skip("needs a mount namespace, for a small disk")
    result = subprocess.run(
        [*namespace, mount + 'exec "$@"', "sh", sys.executable, "-c", FULL_DISK],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=120,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
    )
    lines = result.stdout.splitlines()
    assert lines == [
        "sink clips: cannot save clips: No space left on device",
        "4 6 4 4",
        "[]",
    ], result.stderr
