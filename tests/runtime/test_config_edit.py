"""Settings written into a configuration file: what changes there, and what never does."""

import os
from pathlib import Path

import pytest

from kws_edge.config.config import Config, DetectorOverrides
from kws_edge.config.edit import notes_on_origins, write_settings
from kws_edge.config.settings import load_config
from kws_edge.errors import ConfigError

WORDS = ("yes", "no", "on", "stop", "0x1", "grün")
NEW = DetectorOverrides(preset="quiet", thresholds={"yes": 0.9, "no": 0.75})


def write(
    path: Path,
    detector: DetectorOverrides = NEW,
    active: tuple[str, ...] = ("no", "on"),
    mute: bool = True,
) -> str:
    loaded = load_config(path, environment={})
    assert loaded.config.file
    config = Config(detector=detector, mute=mute)
    written = write_settings(loaded.config.file, config, active, WORDS)
    text = path.read_bytes().decode()
    assert written.text == text
    after = load_config(path, environment={}).config
    assert (after.detector.preset, after.detector.thresholds) == (
        detector.preset,
        detector.thresholds,
    )
    assert set(after.keywords or WORDS) == set(active)
    assert after.mute == mute
    return text


FORMS = {
    "": "detector:\n  preset: quiet\n  thresholds: {yes: 0.9, no: 0.75}\n"
    "keywords: [no, on]\nmute: true\n",
    "# only a remark": "# only a remark\ndetector:\n  preset: quiet\n"
    "  thresholds: {yes: 0.9, no: 0.75}\nkeywords: [no, on]\nmute: true\n",
    # comments within and behind sections, other keys with a form of their own
    "model:   'default'   # mine\n"
    "mute:  false # not now\n"
    "detector:   # tuned\n"
    "    # in the kitchen\n"
    "    threshold: 0.80   # by ear\n"
    "    thresholds:\n"
    "        no: 0.6  # loud\n"
    "    gate_dbfs: -55\n"
    "\n"
    "# Programs\n"
    "commands:\n"
    "- run: ['true',   \"x\"]\n"
    "  keywords: [ yes ]\n": "model:   'default'   # mine\n"
    "mute: true   # not now\n"
    "detector:   # tuned\n"
    "    # in the kitchen\n"
    "    threshold: 0.80   # by ear\n"
    "    thresholds:\n"
    "        no: 0.75 # loud\n"
    "        yes: 0.9\n"
    "    gate_dbfs: -55\n"
    "    preset: quiet\n"
    "\n"
    "# Programs\n"
    "commands:\n"
    "- run: ['true',   \"x\"]\n"
    "  keywords: [ yes ]\n"
    "keywords: [no, on]\n",
    "keywords:\n  - yes  # lights\n  - on   # fan\n\n# the end\n": "keywords:\n  - on   # fan\n"
    "  - no\n\n# the end\ndetector:\n  preset: quiet\n  thresholds: {yes: 0.9, no: 0.75}\n"
    "mute: true\n",
    "{mute: false, threads: 1}\n": "{mute: true, threads: 1, detector: {preset: quiet,"
    " thresholds: {yes: 0.9, no: 0.75}}, keywords: [no, on]}\n",
    "---\r\nthreads: 1\r\ndetector: {}\r\n  # nothing yet\r\n": "---\r\nthreads: 1\r\n"
    "detector:\r\n  preset: quiet\r\n  thresholds: {yes: 0.9, no: 0.75}\r\n"
    "  # nothing yet\r\nkeywords: [no, on]\r\nmute: true\r\n",
}


@pytest.mark.parametrize("before", FORMS)
def test_only_what_changes_is_written(before: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_bytes(before.encode())
    detector = NEW
    if "threshold: 0.80" in before:  # a key that is there stays
        detector = DetectorOverrides("quiet", 0.8, {"no": 0.75, "yes": 0.9})
    assert write(path, detector) == FORMS[before]
    same = path.stat().st_ino
    write(path, detector)
    assert path.stat().st_ino == same, "nothing to change, nothing written"


def test_nothing_is_written_for_what_the_file_says_by_leaving_it_out(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("threads: 2  # two\n")
    assert write(path, DetectorOverrides(), WORDS, False) == "threads: 2  # two\n"


def test_all_keywords_again_keep_the_remarks_on_each(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("keywords:\n- no  # lights\n")
    text = write(path, DetectorOverrides(), WORDS, False)
    assert text == "keywords:\n- no  # lights\n- yes\n- on\n- stop\n- '0x1'\n- grün\n"


def test_the_example_keeps_every_line(tmp_path: Path) -> None:
    example = Path(__file__).parents[2] / "kws_edge" / "config.example.yaml"
    path = tmp_path / "config.yaml"
    path.write_text(example.read_text())
    lines = example.read_text().splitlines()
    at = lines.index("detector: {}")
    lines[at : at + 1] = [
        "detector:",
        "  preset: quiet",
        "  thresholds: {yes: 0.9, no: 0.75}",
    ]
    assert write(path).splitlines() == [*lines, "keywords: [no, on]", "mute: true"]


def test_mode_owner_and_link_stay(tmp_path: Path) -> None:
    path, link = tmp_path / "real.yaml", tmp_path / "config.yaml"
    path.write_text("mute: false\n")
    path.chmod(0o640)
    if os.geteuid() == 0:
        os.chown(path, 12_345, 54_321)
    before = path.stat()
    link.symlink_to(path)
    write(link)
    after = path.stat()
    assert link.is_symlink()
    assert after.st_ino != before.st_ino, "exchanged as a whole"
    assert [after.st_mode, after.st_uid, after.st_gid] == [
        before.st_mode,
        before.st_uid,
        before.st_gid,
    ]
    assert [one.name for one in tmp_path.iterdir() if one.name.endswith(".part")] == []


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("detector: &d {threshold: 0.8}\n", r"an anchor or an alias \(&, \*\) at detector"),
        ("detector:\n  thresholds: &t {yes: 0.5}\n", "an anchor or an alias"),
        ("  threads: 1\n", "has a form that only a person can change"),
        ("threads: 1\n...\n", "has a form that only a person can change"),
    ],
)
def test_what_only_a_person_can_change_stays(text: str, reason: str, tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text(text)
    with pytest.raises(ConfigError, match=reason):
        write(path)
    assert path.read_text() == text


def test_a_file_that_changed_meanwhile_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("threads: 1\n")
    file = load_config(path, environment={}).config.file
    assert file
    path.write_text("threads: 2\n")
    with pytest.raises(ConfigError, match="was changed since it was read"):
        write_settings(file, Config(mute=True), WORDS, WORDS)
    path.unlink()
    with pytest.raises(ConfigError, match=r"config.yaml: cannot be written: No such file"):
        write_settings(file, Config(mute=True), WORDS, WORDS)
    path.mkdir()
    with pytest.raises(ConfigError, match="is no regular file"):
        write_settings(file, Config(mute=True), WORDS, WORDS)


def test_a_file_that_may_not_be_written_stays(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("threads: 1\n")
    file = load_config(path, environment={}).config.file
    assert file
    path.chmod(0o444)
    tmp_path.chmod(0o755)
    child = os.fork()
    if child == 0:  # root may write anything: another user tries
        try:
            if os.geteuid() == 0:
                os.chown(tmp_path, 12_345, -1)
                os.setuid(12_345)
            write_settings(file, Config(mute=True), WORDS, WORDS)
        except ConfigError as error:
            os._exit(7 if "cannot be written: Permission denied" in str(error) else 8)
        os._exit(9)
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 7
    assert path.read_text() == "threads: 1\n"


def test_a_flag_that_will_win_again_is_noted(tmp_path: Path) -> None:
    path = tmp_path / "config.yaml"
    path.write_text("")
    flags, environment = {"detector.preset": "quiet"}, {"KWS_EDGE_MUTE": "true"}
    config = load_config(path, flags, environment).config
    assert config.file
    assert notes_on_origins(config.file) == [
        "at the next start --detector-preset replaces detector.preset",
        "at the next start KWS_EDGE_MUTE replaces mute",
    ]
