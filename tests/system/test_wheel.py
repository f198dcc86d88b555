"""The wheel alone, away from the checkout: lean environments, and training with its extra."""

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from conftest import ROOT

from kws_edge import __version__
from kws_edge.model.file import bundled_models

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
        env={**os.environ, "GITHUB_SERVER_URL": "https://git.example", "GITHUB_REPOSITORY": "a/b"},
        check=True,
        capture_output=True,
    )
    (path,) = folder.glob("*.whl")
    return path


def test_what_the_wheel_holds(wheel: Path) -> None:
    import zipfile

    names = set(zipfile.ZipFile(wheel).namelist())
    tracked = subprocess.run(
        ["git", "ls-files", "kws_edge", "training", "models", "recordings", "systemd"],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    ).stdout.split()
    left_out = {"models/README.md", "recordings/README.md", "recordings/make_demo.py"}
    data = ("models/", "recordings/", "systemd/")
    left_out |= {name for name in tracked if "/first/" in name}  # a run that another began with
    expected = {f"kws_edge/{n}" if n.startswith(data) else n for n in set(tracked) - left_out}
    assert expected - names == set()
    assert {name.split("/")[0] for name in names} == {
        "kws_edge",
        "training",
        f"kws_edge-{__version__}.dist-info",
    }


def test_what_its_metadata_says(wheel: Path) -> None:
    import zipfile
    from email import message_from_bytes

    with zipfile.ZipFile(wheel) as archive:
        text = archive.read(f"kws_edge-{__version__}.dist-info/METADATA")
    metadata = message_from_bytes(text)
    versions = {c for c in metadata.get_all("Classifier") or [] if " 3." in c}
    pythons = {version for version, *_ in ENVIRONMENTS}
    assert versions == {f"Programming Language :: Python :: {version}" for version in pythons}
    assert "Source, https://git.example/a/b" in (metadata.get_all("Project-URL") or [])
    assert metadata.get_all("License-File") == ["LICENSE"]
    links = re.findall(r"\]\(([^)]*)\)", text.decode())
    assert links
    assert all(link.startswith(("https://", "#")) for link in links), "none leads into a checkout"
    requirements = metadata.get_all("Requires-Dist") or []
    # our own packages are on no registry: nothing may require them
    assert [r for r in requirements if r.lower().startswith(("kws-edge", "kws_edge"))] == []


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
    python = str(environment / "bin" / "python")
    assert interpreter in run(kws_edge, "check")
    for name in bundled_models():
        assert f"{name}: ok" in run(python, "-m", "kws_edge", "check", "-m", name)
    models = json.loads(run(kws_edge, "models", "--json"))
    assert [model["name"] for model in models] == list(bundled_models())
    assert all(Path(model["path"]).is_relative_to(environment) for model in models)
    demo = run(
        environment / "bin" / "python",
        "-c",
        "from kws_edge.model.file import demo_recording; print(demo_recording())",
    )
    detected = [
        json.loads(line)
        for line in run(kws_edge, "listen", "-i", demo.strip(), "--json").splitlines()
    ]
    assert len(detected) >= 5  # of the eight words that synthetic voices say
    _training_names_its_extra(python, clean, tmp_path)
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


def _training_names_its_extra(python: str, environment: dict[str, str], folder: Path) -> None:
    """Without TensorFlow its commands are listed, and training says what to install."""

    def run(*arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [python, "-m", "training", *map(str, arguments)],
            cwd=folder,
            env=environment,
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
        )

    listed = run("--help")
    assert listed.returncode == 0, listed.stderr
    assert "build" in listed.stdout
    (config,) = (
        Path(python).parents[1].glob("lib/python*/site-packages/training/configs/small.yaml")
    )
    refused = run("train", config)
    assert refused.returncode == 78, refused.stderr
    assert "keras is not installed: pip install 'tensorflow" in refused.stderr
    assert "Traceback" not in refused.stderr


def test_training_runs_from_the_wheel(wheel: Path, tmp_path: Path) -> None:
    """Beside the packages of this environment, which has the extra: no checkout is in reach."""
    target = tmp_path / "installed"
    pip: list[str | Path] = [sys.executable, "-m", "pip", "install", "-q", "--no-deps"]
    pip += ["--target", target, wheel]
    subprocess.run(pip, check=True, capture_output=True)

    def run(*arguments: object) -> str:
        result = subprocess.run(
            [sys.executable, "-m", *map(str, arguments)],
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(target)},
            capture_output=True,
            text=True,
            check=False,
            timeout=300,
        )
        assert result.returncode == 0, result.stdout + result.stderr
        return result.stdout

    code = "import training, kws_edge; print(training.__file__, kws_edge.__file__)"
    script = tmp_path / "where.py"
    script.write_text(code)
    assert all(Path(path).is_relative_to(target) for path in run("where").split())
    assert "release" in run("training", "--help")
