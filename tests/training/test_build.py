"""``build``: the whole chain on tones, killed and continued, and what makes a step run again."""

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import yaml
from conftest import ROOT, Command
from window_world import CONFIG, write_recordings

from kws_edge.model.file import read_model
from training.release.stamps import Stamps, key_of, listing

pytestmark = pytest.mark.slow

MODEL = {
    "description": "Two tones, of a test.",
    "limits": "It knows tones, not words.\n",
    "attribution": [{"name": "Made tones", "creator": "a test", "licence": "CC0 1.0"}],
    "training": {
        **CONFIG,
        "name": "anything",
        "schedule": {**CONFIG["schedule"], "epochs": 2, "passes": 1},
    },
    "data": [{"output": "lists", "command": "data split {output} --data {data}/clips"}],
    "export": {"quantization": "float32"},
    "streams": [
        {"name": "words", "clips": [{"folder": "clips", "count": 12}], "gap_seconds": [0.5, 1]},
        {"name": "room", "least_seconds": 20, "floor_dbfs": -60},
    ],
    "tuning": {
        "positives": ["words"],
        "negatives": ["room", "speech"],
        "targets": {
            "default": {"false_accepts_per_hour": 500},
            "careful": {"false_accepts_per_hour": 100, "spare_recall": 0.5},
        },
    },
    "evaluation": {
        "clips": [
            {
                "name": "test",
                "folder": "clips",
                "part": "testing",
                "other": ["middle"],
                "description": "the other speakers",
            }
        ],
        "streams": [
            {
                "name": "words",
                "streams": ["words"],
                "presets": ["default", "careful"],
                "description": "twelve tones",
            }
        ],
        "repetitions": 10,
    },
}


class Bench:
    """A data folder and ``tones/model.yaml``, and the command that builds it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.data = write_recordings(folder / "data")
        self.model = folder / "models" / "tones"
        self.model.mkdir(parents=True)
        self.work = folder / "runs" / "tones"
        self.describe()

    def describe(self, **changes: object) -> None:
        """Write model.yaml with other values of some keys."""
        document = yaml.safe_dump({**MODEL, **changes}, sort_keys=False)
        (self.model / "model.yaml").write_text(document)

    def start(self, *options: str) -> "subprocess.Popen[str]":
        command = [sys.executable, "-m", "training", "build", str(self.model), *options]
        return subprocess.Popen(
            [*command, "--data", str(self.data)],
            cwd=self.folder,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,
            env={**os.environ, "TF_CPP_MIN_LOG_LEVEL": "3", "PYTHONPATH": str(ROOT)},
        )

    def build(self, *options: str, code: int = 0) -> dict[str, str]:
        """What the build did with each step: "runs" or "done before"."""
        process = self.start(*options)
        _, errors = process.communicate(timeout=600)
        assert process.returncode == code, errors
        assert "Traceback" not in errors
        lines = [line.split(": ", 1) for line in errors.splitlines() if ": " in line]
        return {name: did for name, did in lines if did in ("runs", "done before")}


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Bench:
    """Built once, after a kill in the middle."""
    bench = Bench(tmp_path_factory.mktemp("build"))
    process = bench.start()
    assert process.stderr is not None
    for line in process.stderr:
        if line == "export: runs\n":
            os.killpg(process.pid, signal.SIGKILL)
            break
    process.wait()
    assert not (bench.model / "tones.tflite").exists()
    bench.continued = bench.build()  # type: ignore[attr-defined]
    return bench


def test_after_a_kill_it_continues_with_the_step_that_was_killed(bench: Bench) -> None:
    assert bench.continued == {  # type: ignore[attr-defined]
        "data": "done before",
        "train": "done before",
        "export": "runs",
        "streams": "runs",
        "tune": "runs",
        "evaluate": "runs",
        "release": "runs",
    }
    assert len(list((bench.work / "train").iterdir())) == 1


def test_the_model_and_its_card_say_what_the_file_says(bench: Bench, run_command: Command) -> None:
    path = bench.model / "tones.tflite"
    manifest = read_model(path).manifest
    assert (manifest.name, manifest.keywords) == ("tones", ("high", "low"))
    assert manifest.attribution == "Trained on Made tones by a test, licensed CC0 1.0."
    assert set(manifest.presets) == {"careful"}
    names = {metric.name for metric in manifest.metrics}
    assert {"accuracy", "fired on middle", "recall", "recall, preset careful"} <= names
    card = (bench.model / "card.md").read_text()
    assert card.startswith("# tones\n\nTwo tones, of a test.\n\nRecognizes 2 words: high, low. ")
    assert card.endswith("## Limits\n\nIt knows tones, not words.\n")
    assert "- Data: Trained on Made tones by a test, licensed CC0 1.0.\n" in card
    assert "| the other speakers | fired on middle | " in card
    assert "| twelve tones | careful | " in card
    for constant in ("Speech Commands", "English", "Pete Warden"):
        assert constant not in card
    assert "<svg" in (bench.model / "det.svg").read_text()
    kept = {path.name for path in (bench.model / "run").iterdir()}
    assert {"config.yaml", "metrics.json", "history.csv", "network.weights.h5"} <= kept
    assert run_command("check", "-m", bench.model).returncode == 0


def test_what_is_done_is_skipped_until_its_inputs_change(bench: Bench) -> None:
    assert set(bench.build().values()) == {"done before"}
    before = {path: path.read_bytes() for path in bench.work.rglob("*.tflite")}
    bench.describe(limits="Tones of one pitch alone.")
    did = bench.build()
    assert [name for name, what in did.items() if what == "runs"] == ["release"]
    assert (bench.model / "card.md").read_text().endswith("\n\nTones of one pitch alone.\n")
    assert {path: path.read_bytes() for path in bench.work.rglob("*.tflite")} == before
    bench.describe(evaluation={"repetitions": 10})
    did = bench.build()
    assert [name for name, what in did.items() if what == "runs"] == ["evaluate", "release"]
    assert "no figures of single clips" in (bench.model / "card.md").read_text()
    bench.describe()
    (bench.data / "clips" / "low" / "new_nohash_0.wav").write_bytes(
        (bench.data / "clips" / "low" / "s1_nohash_0.wav").read_bytes()
    )
    assert bench.build("--to", "train") == {"data": "done before", "train": "runs"}


def test_a_step_alone(bench: Bench) -> None:
    assert bench.build("--from", "streams", "--to", "streams") == {"streams": "runs"}
    assert bench.build("--from", "tune", "--to", "evaluate") == {"tune": "runs", "evaluate": "runs"}


def test_a_step_without_those_before_it(bench: Bench) -> None:
    process = bench.start("--work", "elsewhere", "--from", "export")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 66
    assert "step 'train' is not done; run it first" in errors
    assert "Traceback" not in errors
    assert bench.build("--from", "tune", "--to", "data", code=2) == {}


def test_a_data_set_that_another_command_made_is_not_overwritten(bench: Bench) -> None:
    command = "data split {output} --data {data}/clips --method random"
    bench.describe(data=[{"output": "lists", "command": command}])
    process = bench.start("--to", "data")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 78
    assert "another command made it" in errors
    bench.describe()


def test_a_command_that_fails_gives_its_exit_code(bench: Bench) -> None:
    command = "data split {output} --data {data}/nothing"
    bench.describe(data=[{"output": "other", "command": command}])
    process = bench.start("--to", "data")
    _, errors = process.communicate(timeout=120)
    assert process.returncode == 66
    assert "failed: python -m training data split" in errors
    assert not (bench.data / "other").exists()
    bench.describe()


def test_a_stamp_holds_while_its_outputs_exist(tmp_path: Path) -> None:
    stamps, output = Stamps(tmp_path / "stamps"), tmp_path / "made"
    assert stamps.read("train") is None
    output.write_text("x")
    stamps.write("train", key_of({"a": 1}), (output,))
    stamp = stamps.read("train")
    assert stamp is not None
    assert stamp.key == key_of({"a": 1}) != key_of({"a": 2})
    output.unlink()
    assert stamps.read("train") is None
    output.write_text("x")
    (tmp_path / "stamps" / "train.json").write_text(json.dumps({"key": "?"}))
    assert stamps.read("train") is None


def test_a_listing_changes_with_a_file(tmp_path: Path) -> None:
    assert listing(tmp_path / "none") is None
    (tmp_path / "a").mkdir()
    (tmp_path / "a" / "b.wav").write_text("1")
    assert listing(tmp_path) == [("a/b.wav", 1)]
    (tmp_path / "a" / "b.wav").write_text("12")
    assert listing(tmp_path) == [("a/b.wav", 2)]
