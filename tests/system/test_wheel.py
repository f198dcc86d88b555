"""The wheel alone, in environments without TensorFlow, far from the checkout."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

pytestmark = pytest.mark.slow

# Python, extra, the interpreter expected
ENVIRONMENTS = [
    ("3.10", "", "tflite-runtime"),
    ("3.10", "litert", "litert"),
    ("3.11", "", "tflite-runtime"),
    ("3.11", "litert", "litert"),
    ("3.12", "", "litert"),
    ("3.13", "", "litert"),
]


def find_python(version: str) -> str | None:
    """On PATH, or where pyenv keeps its Pythons."""
    root = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv"))
    candidates = [
        *sorted(root.glob(f"versions/{version}.*/bin/python3")),
        f"/usr/bin/python{version}",
    ]
    candidates += [found] if (found := shutil.which(f"python{version}")) else []
    for candidate in map(str, candidates):
        check = [candidate, "-c", "import sys, ensurepip; print('%d.%d' % sys.version_info[:2])"]
        try:
            result = subprocess.run(check, capture_output=True, text=True, check=False)
        except OSError:
            continue
        if result.stdout.strip() == version:
            return candidate
    return None


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("wheel")
    source = folder / "source"
    ignore = shutil.ignore_patterns(".*", "saved_models", "tflite_models", "*.egg-info", "build")
    shutil.copytree(ROOT, source, ignore=ignore)  # a build leaves files behind
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(folder), str(source)],
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_what_the_wheel_holds(wheel: Path) -> None:
    import zipfile

    names = zipfile.ZipFile(wheel).namelist()
    assert "kws_edge/models/mfcc-int8.tflite" in names
    assert "kws_edge/models/mfcc-int8.md" in names
    assert "kws_edge/recordings/demo.wav" in names
    assert "kws_edge/py.typed" in names
    assert [n for n in names if n.split("/")[0] in ("training", "tests", "models")] == []


@pytest.mark.parametrize(("version", "extra", "interpreter"), ENVIRONMENTS)
def test_a_clean_environment_listens(
    version: str, extra: str, interpreter: str, wheel: Path, tmp_path: Path
) -> None:
    python = find_python(version)
    if python is None:
        pytest.skip(f"no Python {version} on this machine")
    environment = tmp_path / "venv"
    subprocess.run([python, "-m", "venv", environment], check=True)
    requirement = f"{wheel}[{extra}]" if extra else str(wheel)
    pip: list[Path | str] = [environment / "bin" / "pip", "install", "-q", requirement, "pytest"]
    subprocess.run(pip, check=True, capture_output=True)
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}

    def run(*command: object) -> str:
        result = subprocess.run(
            [str(part) for part in command],
            cwd=tmp_path,
            env=clean,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    kws_edge = environment / "bin" / "kws-edge"
    assert interpreter in run(kws_edge, "check")
    demo = run(
        environment / "bin" / "python",
        "-c",
        "from kws_edge.model.bundled import demo_recording; print(demo_recording())",
    )
    heard = [
        json.loads(line)
        for line in run(kws_edge, "listen", "-i", demo.strip(), "--json").splitlines()
    ]
    assert len(heard) >= 5  # of the eight words that synthetic voices say
    installed = run(environment / "bin" / "pip", "list", "--format=freeze").lower()
    assert "tensorflow" not in installed
    assert "scipy" not in installed
    # the features of TensorFlow, without TensorFlow and with whichever NumPy this has
    golden = ROOT / "tests" / "runtime" / "test_features_golden.py"
    run(
        environment / "bin" / "python",
        "-m",
        "pytest",
        "-q",
        "-p",
        "no:cacheprovider",
        "-c",
        "/dev/null",
        golden,
    )
