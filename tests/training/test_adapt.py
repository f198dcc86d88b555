"""What `adapt` makes of a folder of someone's own takes, before it trains."""

from pathlib import Path

import numpy as np
import pytest

from kws_edge.audio.files import write_wav
from kws_edge.config.schema import parse
from kws_edge.errors import ConfigError, MissingFileError
from kws_edge.types import FloatArray
from training.config import TrainingConfig
from training.data.material import find_recordings, load_material
from training.networks.network import network
from training.train.adapt import adapted_config, summary
from training.train.run import WEIGHTS, Run, load_run, write_run_files

RATE = 16000
BASE = parse(
    TrainingConfig,
    {
        "name": "base",
        "features": {
            "kind": "log_mel",
            "frame_length_ms": 32,
            "frame_step_ms": 20,
            "num_mel_bins": 20,
            "log_offset": 1e-3,
        },
        "data": {"sources": [{"folder": "public"}], "words": ["no", "yes"]},
        "windows": {},
        "augmentation": {},
        "network": {"architecture": "tc_resnet", "width": 8},
    },
)


def record(folder: Path, label: str, count: int) -> None:
    """Takes as ``kws-edge record`` names them."""
    (folder / label).mkdir(parents=True)
    for take in range(count):
        random = np.random.default_rng(take)
        samples = random.normal(0, 0.1, RATE).astype(np.float32)
        write_wav(folder / label / f"ann-20260101T0000{take:02}Z-{take + 1}.wav", samples, RATE)


@pytest.fixture
def own(tmp_path: Path) -> Path:
    """Ten takes of a new word, five of a known one."""
    record(tmp_path / "own", "computer", 10)
    record(tmp_path / "own", "yes", 5)
    return tmp_path / "own"


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A few public clips of each word, in both parts of the official split."""
    for label in BASE.data.words:
        (tmp_path / "data" / "public" / label).mkdir(parents=True)
        for speaker in range(30):
            path = tmp_path / "data" / "public" / label / f"s{speaker}_nohash_0.wav"
            write_wav(path, np.full(RATE, 0.1, np.float32), RATE)
    return tmp_path / "data"


def adapted(recordings: Path, only: bool = False) -> TrainingConfig:
    return adapted_config(Run(Path("base"), BASE), recordings, "own", only)


def test_new_labels_become_words_after_the_known_ones(own: Path) -> None:
    config = adapted(own)
    assert config.data.words == ("no", "yes", "computer")
    assert (config.name, config.teacher) == ("own", None)
    assert config.data.sources[:-1] == BASE.data.sources
    assert (config.data.sources[-1].folder, config.data.sources[-1].split) == (own, "takes")
    assert config.windows == BASE.windows
    assert summary(Run(Path("base"), BASE), config, own) == (
        "new words: computer (10 takes); known words: yes (5 takes); as before: no"
    )


def test_few_takes_count_as_many_and_many_as_they_are(own: Path, tmp_path: Path) -> None:
    assert adapted(own).data.sources[-1].repeat == 50
    record(tmp_path / "more", "lights", 30)
    assert adapted(tmp_path / "more").data.sources[-1].repeat == 20


def test_only_knows_the_words_of_the_recordings_and_hears_enough_others(own: Path) -> None:
    config = adapted(own, only=True)
    assert config.data.words == ("computer", "yes")
    keywords, shares = 50 * 15, config.windows
    assert shares
    total = keywords / (1 - shares.unknown_share - shares.silence_share)
    assert shares.unknown_share * total == pytest.approx(3000)


def test_a_single_word_will_do(tmp_path: Path, data: Path) -> None:
    record(tmp_path / "own", "computer", 5)
    found = find_recordings(adapted(tmp_path / "own", only=True), data)
    assert {clip.label for clip in found.training.keywords} == {"computer"}
    assert len(found.validation.keywords) == 1
    assert {clip.label for clip in found.training.others} == {"no", "yes"}


def test_what_a_recorder_leaves_beside_the_takes_is_no_word(own: Path) -> None:
    (own / "manifest.jsonl").write_text("{}\n")
    for whole_takes in (".raw", "raw"):
        record(own / whole_takes, "computer", 1)
    assert adapted(own).data.words == ("no", "yes", "computer")


def test_other_words_and_the_room_are_used_as_what_they_are(own: Path, data: Path) -> None:
    plain = find_recordings(adapted(own), data)
    record(own, "_unknown_", 5)
    record(own, "_silence_", 10)
    config = adapted(own)
    assert config.data.words == ("no", "yes", "computer")
    found = find_recordings(config, data)
    assert len(found.training.others) == len(plain.training.others) + 4 * 50
    assert len(found.validation.others) == len(plain.validation.others) + 1
    (room,) = load_material(found, "training").noises
    assert len(room) == 8 * RATE
    assert found.fingerprint() != plain.fingerprint()


def test_too_few_takes_say_how_to_get_more(tmp_path: Path) -> None:
    record(tmp_path, "hey", 4)
    with pytest.raises(ConfigError, match=r"too few takes of hey \(4\).*kws-edge record"):
        adapted(tmp_path)
    with pytest.raises(MissingFileError, match="expected a run of 'train'"):
        load_run(tmp_path)


def test_a_folder_that_cannot_be_a_word_is_named(own: Path) -> None:
    record(own, "hey computer", 5)
    with pytest.raises(ConfigError, match=r"own/hey computer: cannot be a word: .*letters"):
        adapted(own)


def save(run: Path) -> Run:
    """A run with a network that has not learnt anything."""
    run.mkdir()
    write_run_files(run, BASE, {}, {})
    network(BASE).save_weights(run / WEIGHTS)
    return load_run(run)


@pytest.mark.parametrize("only", [False, True])
def test_known_labels_keep_what_was_learnt(own: Path, tmp_path: Path, only: bool) -> None:
    begin = save(tmp_path / "run")
    config = adapted(own, only)
    model = network(config)
    begin.initialise(model, config.labels)
    features = np.random.default_rng(0).normal(size=(4, *BASE.features.shape, 1)).astype("f4")
    common = [label for label in config.labels if label in BASE.labels]

    def among_common(posteriors: FloatArray, labels: tuple[str, ...]) -> FloatArray:
        chosen = posteriors[:, [labels.index(label) for label in common]]
        return np.asarray(chosen / chosen.sum(axis=1, keepdims=True))

    before = among_common(np.asarray(begin.network()(features)), BASE.labels)
    after = among_common(np.asarray(model(features)), config.labels)
    np.testing.assert_allclose(after, before, atol=1e-5)
