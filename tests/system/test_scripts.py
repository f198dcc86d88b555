"""The newcomer's commands, from a clean clone with an empty home folder."""

import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def clone(tmp_path_factory: pytest.TempPathFactory) -> Path:
    if not (ROOT / ".git").exists():
        pytest.skip("needs a git checkout to clone")
    folder = tmp_path_factory.mktemp("clone") / "kws-edge"
    subprocess.run(["git", "clone", "-q", ROOT, folder], check=True)
    return folder


def test_the_demo_installs_listens_and_leaves_the_home_alone(clone: Path, tmp_path: Path) -> None:
    home = tmp_path / "home"
    home.mkdir()
    environment = {"HOME": str(home), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}  # a fresh system's
    for _ in ("install", "run again"):
        result = subprocess.run(
            [clone / "scripts" / "demo"],
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=600,
        )
        assert result.returncode == 0, result.stderr
        *detections, comparison = result.stdout.splitlines()
        assert len(detections) == 7
        assert comparison == (
            "spoken: 8 keywords and 5 other words; spotted 7 of 8 (missed up at 13.0 s), and 0"
            " times where no such keyword was spoken"
        )
    assert "installing" not in result.stderr
    assert list(home.iterdir()) == []
    changed = subprocess.run(
        ["git", "-C", clone, "status", "--porcelain"], capture_output=True, text=True, check=True
    )
    assert changed.stdout == ""


def test_the_demo_recording_can_be_made_again(tmp_path: Path) -> None:
    programs = ("flite", "text2wave", "sox")
    if missing := [program for program in programs if not shutil.which(program)]:
        pytest.skip(f"needs {', '.join(missing)}: see recordings/README.md")
    if 'VERSION_ID="12"' not in Path("/etc/os-release").read_text():
        pytest.skip("other versions of the voices than Debian 12's give other samples")
    script = ROOT / "recordings" / "make_demo.py"
    subprocess.run([sys.executable, script, "--output", tmp_path], check=True, timeout=120)
    for name in ("demo.wav", "demo.labels.txt"):
        assert (tmp_path / name).read_bytes() == (ROOT / "recordings" / name).read_bytes()
