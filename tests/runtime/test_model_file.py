"""Model files: whole, or refused by name before an interpreter sees them."""

import dataclasses
import io
import json
import struct
import tracemalloc
import zipfile
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kws_edge.errors import ModelError, ValidationErrors
from kws_edge.features.front_end import FeatureConfig
from kws_edge.model.file import MANIFEST, ModelFile, find_model, pack_model, read_model
from kws_edge.model.manifest import Manifest, tensor_spec


@pytest.fixture(scope="module")
def model(model_path: Path) -> ModelFile:
    return read_model(model_path)


def repacked(model: ModelFile, text: str, name: str = MANIFEST) -> bytes:
    buffer = io.BytesIO(model.flatbuffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        archive.writestr(name, text)
    return buffer.getvalue()


def refused(content: bytes, folder: Path) -> str:
    path = folder / "model.tflite"
    path.write_bytes(content)
    with pytest.raises(ModelError) as error:
        read_model(path)
    assert str(error.value).startswith(f"{path}: ")
    assert "\n" not in str(error.value)
    return str(error.value)


def test_packed_and_read_again(model: ModelFile, tmp_path: Path) -> None:
    path = tmp_path / "copy.tflite"
    path.write_bytes(pack_model(model.manifest, model.flatbuffer))
    again = read_model(path)
    assert again.manifest == model.manifest
    assert again.flatbuffer == model.flatbuffer


def test_packing_is_reproducible(model: ModelFile) -> None:
    first = pack_model(model.manifest, model.flatbuffer)
    assert first == pack_model(model.manifest, model.flatbuffer)


def test_any_unzip_prints_the_manifest(model_path: Path) -> None:
    with zipfile.ZipFile(model_path) as archive:
        assert json.loads(archive.read(MANIFEST))["schema_version"] == 1


@given(data=st.data())
@settings(
    max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_flipped_bit_never_passes_for_another_model(
    data: st.DataObject, model: ModelFile, tmp_path: Path
) -> None:
    content = bytearray(pack_model(model.manifest, model.flatbuffer))
    tail = len(content) - len(model.flatbuffer)
    # half of the flips into the tail, which is a hundredth of the file
    where = st.integers(0, len(content) - 1) | st.integers(len(content) - tail, len(content) - 1)
    content[data.draw(where)] ^= 1 << data.draw(st.integers(0, 7))
    path = tmp_path / "flipped.tflite"
    path.write_bytes(content)
    try:
        found = read_model(path)
    except ModelError:
        return
    # bits of the zip that mean nothing, such as its dates
    assert found.manifest == model.manifest
    assert found.flatbuffer == model.flatbuffer


@given(keep=st.floats(0, 1, exclude_max=True))
@settings(
    max_examples=50, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
def test_a_file_cut_short_is_refused(keep: float, model: ModelFile, tmp_path: Path) -> None:
    content = pack_model(model.manifest, model.flatbuffer)
    refused(content[: int(keep * len(content))], tmp_path)


def test_files_of_other_kinds(model: ModelFile, tmp_path: Path) -> None:
    assert "not a TFLite model" in refused(b"some text, long enough\n" * 9, tmp_path)
    assert "not a TFLite model" in refused(b"", tmp_path)
    assert "plain TFLite model" in refused(model.flatbuffer, tmp_path)
    text = model.manifest.to_json()
    assert "labels.txt, expected manifest.json" in refused(
        repacked(model, text, "labels.txt"), tmp_path
    )
    assert "not JSON" in refused(repacked(model, "{"), tmp_path)


def change(manifest: Manifest, path: str, value: Any) -> str:
    document: dict[str, Any] = json.loads(manifest.to_json())
    *parents, last = path.split(".")
    node = document
    for parent in parents:
        node = node[parent]
    if value is None:
        del node[last]
    else:
        node[last] = value
    return json.dumps(document)


@pytest.mark.parametrize(
    ("field", "value", "message"),
    [
        ("schema_version", 2, "schema_version: found 2, this program reads 1"),
        ("labels", ["yes"], "output.shape: found [1, 8] for 1 labels"),
        ("labels", ["yes"] * 8, "labels: expected different labels"),
        ("labels", None, "labels: missing"),
        ("features.kind", "wavelet", "features.kind: found 'wavelet'"),
        ("features.frame_length_ms", 80, "input.shape: found [1, 49, 10, 1]"),
        ("features.colour", "red", "features.colour: unknown"),
        ("detector.threshold", 2, "detector.threshold: 2.0 is not within 0 to 1"),
        ("detector.thresholds", {"hello": 0.5}, "detector.thresholds.hello: no such keyword"),
        ("flatbuffer.sha256", "0" * 64, "flatbuffer.sha256: found"),
        ("flatbuffer.size", 100, "flatbuffer.sha256: found"),
        ("flatbuffer.size", 10**9, "flatbuffer.size: 1000000000 is not within 0 to 67108864 bytes"),
        ("input.dtype", "int16", "input.dtype: found 'int16'"),
        ("input.scale", 0, "input.scale: 0.0 is not above 0"),
        ("probe.posteriors", [0.5], "probe.posteriors: found 1 for 8 labels"),
        ("probe.tolerance", 1e9, "probe.tolerance: 1000000000.0 is not within 0 to 1"),
        (
            "features.fft_length",
            200_000_000,
            "features.fft_length: 200000000 is not within 2 to 32768 samples",
        ),
        (
            "features.sample_rate",
            10**4000,
            f"features.sample_rate: 1{36 * '0'}... is not within 1 to 384000 Hz",
        ),
        (
            "features.window_ms",
            1e308,
            "features.window_ms: 1e+308 is not within 0 to 60000 ms, 0 excluded",
        ),
        (
            "detector.smoothing_ms",
            1e308,
            "detector.smoothing_ms: 1e+308 is not within 0 to 10000 ms",
        ),
        ("input.shape", [1] * 9, "input.shape: more than 8 dimensions"),
        ("input.shape", [2**40], "input.shape[0]: 1099511627776 is not within 1 to 16777216"),
        ("input.scale", 1e-300, "input.scale: 1e-300 is below 1e-20"),
        ("labels", ["a"] * 2000, "labels: 2000 are more than 1000"),
        ("labels", ["x" * 101, *"abcdefg"], "labels[0]: 101 characters are more than 100"),
        ("labels", [" ", *"abcdefg"], "labels[0]: is empty"),
        ("labels", ["\ud800x", *"abcdefg"], r"labels[0]: '\ud800x' holds a character that no"),
        ("labels", ["\x1b[2J", *"abcdefg"], r"labels[0]: '\x1b[2J' holds U+001B, which cannot"),
        ("labels", ["a\nok: all", *"bcdefgh"], r"labels[0]: 'a\nok: all' holds U+000A"),
        ("name", "a\x07", r"name: 'a\x07' holds U+0007, which cannot be printed"),
        (
            "attribution",
            "x" * 20_000,
            "attribution: 'xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx... is longer than 10000 characters",
        ),
        ("presets", {"\x1b[31m": {}}, r"presets: '\x1b[31m' holds U+001B"),
        ("features.\x1b[31m", 1, r"features.'\x1b[31m': unknown"),
    ],
)
def test_odd_manifests_name_the_field(
    field: str, value: Any, message: str, model: ModelFile, tmp_path: Path
) -> None:
    content = repacked(model, change(model.manifest, field, value))
    assert message in refused(content, tmp_path)


def test_a_newer_manifest_says_so_whatever_new_fields_it_has(
    model: ModelFile, tmp_path: Path
) -> None:
    document = json.loads(change(model.manifest, "schema_version", 2)) | {"new": 1}
    message = refused(repacked(model, json.dumps(document)), tmp_path)
    assert "schema_version: found 2, this program reads 1; made for a newer version" in message
    assert "unknown" not in message


def test_labels_in_any_script(model: ModelFile, tmp_path: Path) -> None:
    """A zero-width joiner is a control character to Python, and spelling to Persian."""
    labels = ["ja", "né", "да", "はい", "نعم", "می\u200cروم", "हाँ", "_silence_"]
    path = tmp_path / "model.tflite"
    path.write_bytes(repacked(model, change(model.manifest, "labels", labels)))
    assert read_model(path).manifest.labels == tuple(labels)


@pytest.mark.parametrize("method", [zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA])
def test_a_compression_without_bounded_reads_is_refused(
    method: int, model: ModelFile, tmp_path: Path
) -> None:
    buffer = io.BytesIO(model.flatbuffer)
    with zipfile.ZipFile(buffer, "a", method) as archive:
        archive.writestr(MANIFEST, model.manifest.to_json())
    message = refused(buffer.getvalue(), tmp_path)
    assert f"compressed by method {method}, expected stored or deflated" in message


def test_a_deflate_bomb_that_lies_about_its_size_stays_small(
    model: ModelFile, tmp_path: Path
) -> None:
    buffer = io.BytesIO(model.flatbuffer)
    with zipfile.ZipFile(buffer, "a", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(MANIFEST, b" " * (200 * 2**20))
    content = buffer.getvalue()
    small = struct.pack("<I", 1000)
    content = content.replace(struct.pack("<I", 200 * 2**20), small)
    tracemalloc.start()
    message = refused(content, tmp_path)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert "manifest.json" in message or "not JSON" in message
    assert peak < 20 * 2**20


def test_a_directory_of_many_entries_stays_unread(model: ModelFile, tmp_path: Path) -> None:
    buffer = io.BytesIO(model.flatbuffer)
    with zipfile.ZipFile(buffer, "a") as archive:
        for number in range(2000):
            archive.writestr(f"{number}.txt", "")
    message = refused(buffer.getvalue(), tmp_path)
    assert "holds 0.txt, 1.txt, 2.txt, 3.txt, 4.txt, ..., expected manifest.json alone" in message
    assert len(message) < 500


def test_a_manifest_twice_as_long_is_not_read(model: ModelFile, tmp_path: Path) -> None:
    bomb = json.dumps({"labels": " " * (2 * 2**20)})
    assert "larger than 1 MiB" in refused(repacked(model, bomb), tmp_path)


def test_a_manifest_for_another_network(model: ModelFile, tmp_path: Path) -> None:
    """Consistent in itself, but not what the interpreter finds."""
    from kws_edge.model.classifier import Classifier

    features = dataclasses.replace(model.manifest.features, num_coefficients=13)
    assert features.shape == FeatureConfig("mfcc", num_coefficients=13).shape
    manifest = dataclasses.replace(
        model.manifest,
        features=features,
        input=dataclasses.replace(model.manifest.input, shape=(1, 49, 13, 1)),
    )
    path = tmp_path / "other.tflite"
    path.write_bytes(pack_model(manifest, model.flatbuffer))
    with pytest.raises(ModelError, match="input: the network has"):
        Classifier.load(path)


def test_a_network_that_returns_nan_is_named(model_path: Path, tmp_path: Path) -> None:
    """NaN passes every comparison that asks whether a score is too low."""
    from kws_edge.model.classifier import Classifier
    from kws_edge.model.interpreter import make_interpreter

    model = read_model(find_model("mfcc-float32"))
    interpreter: Any = make_interpreter(model.flatbuffer)
    bias = next(
        np.asarray(interpreter.get_tensor(detail["index"]))
        for detail in interpreter.get_tensor_details()
        if tuple(detail["shape"]) == (len(model.manifest.labels),)
    ).tobytes()
    assert model.flatbuffer.count(bias) == 1
    broken = model.flatbuffer.replace(bias, np.full(len(bias) // 4, np.nan, "<f4").tobytes())
    path = tmp_path / "nan.tflite"
    path.write_bytes(pack_model(model.manifest, broken))
    classifier = Classifier.load(path)
    with pytest.raises(ModelError, match=r"nan\.tflite: the network returned values outside.*nan"):
        classifier(np.zeros(model.manifest.features.shape, np.float32))


def test_a_tensor_without_dimensions_is_refused() -> None:
    detail = {"shape": np.array([], np.int32), "dtype": np.float32, "quantization": (0.0, 0)}
    with pytest.raises(ValidationErrors, match=r"shape: \[\] is not a list of positive sizes"):
        tensor_spec(detail)
