"""Commands about model files: ``info``, ``models``, ``check`` and ``bench``."""

import dataclasses
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import click

from kws_edge.cli.completion import complete_models
from kws_edge.cli.options import json_option, model_option, threads_option
from kws_edge.model.classifier import Classifier
from kws_edge.model.file import DEFAULT_MODEL, ModelFile, bundled_models, find_model, read_model
from kws_edge.model.interpreter import interpreter_name
from kws_edge.model.probe import measure, run_probe


@click.command()
@click.argument("model", default="default", shell_complete=complete_models)
@json_option
def info(model: str, as_json: bool) -> None:
    """Verify a model and print its manifest.

    MODEL is a file, or a name from 'kws-edge models'.
    """
    file = read_model(find_model(model))
    if as_json:
        click.echo(file.manifest.to_json())
        return
    for name, value in _rows(file):
        click.echo(f"{name:<13} {value}")


def _rows(file: ModelFile) -> list[tuple[str, str]]:
    manifest = file.manifest
    f = manifest.features
    front_end = f"{f.kind}, {f.frame_length_ms:g} ms frames every {f.frame_step_ms:g} ms"
    if "num_mel_bins" in f.front_end.settings:
        front_end += (
            f", {f.num_mel_bins} mel bands from {f.lower_edge_hertz:g} to {f.upper_edge_hertz:g} Hz"
        )
    if "num_coefficients" in f.front_end.settings:
        front_end += f", {f.num_coefficients} coefficients"
    other = [label for label in manifest.labels if label not in manifest.keywords]
    rows = [
        ("file", f"{file.path} ({file.size / 1024:.1f} KB, {manifest.flatbuffer.quantization})"),
        ("name", f"{manifest.name} (run {manifest.run_id}, commit {manifest.git_commit})"),
        ("keywords", ", ".join(manifest.keywords)),
        ("not keywords", ", ".join(other) or "none: every sound counts as a keyword"),
        ("audio", f"{f.sample_rate} Hz mono, window {f.window_ms:g} ms"),
        ("features", f"{front_end}: {f.shape[0]} x {f.shape[1]}"),
        ("detector", manifest.detector.describe()),
    ]
    rows += [(f"preset {name}", preset.describe()) for name, preset in manifest.presets.items()]
    if stream := manifest.streaming:
        chunk_ms = stream.chunk_frames * f.frame_step_ms
        rows.append(("streaming", f"{chunk_ms:g} ms a call, {len(stream.states)} states"))
    rows += [
        (
            m.name,
            f"{m.value:.2f} ({m.lower:.2f} to {m.upper:.2f}, {m.count}"
            f" clip{'s' * (m.count != 1)} of {m.data})",
        )
        for m in manifest.metrics
    ]
    return [*rows, ("data", manifest.attribution)]


@dataclass(frozen=True)
class BundledModel:
    """One row of the list; ``size_kb`` is of the whole file, in units of 1,024 bytes."""

    name: str
    default: bool
    keywords: tuple[str, ...]
    size_kb: float
    quantization: str
    presets: tuple[str, ...]
    path: str


@click.command()
@json_option
def models(as_json: bool) -> None:
    """List the bundled models: size, keywords, presets.

    'kws-edge info NAME' prints one model's front end, settings and measured figures.
    """
    models = [_describe(name, path) for name, path in bundled_models().items()]
    if as_json:
        click.echo(json.dumps([asdict(model) for model in models], indent=1))
        return
    width = max((len(model.name) for model in models), default=0)
    for model in models:
        presets = f"; presets {', '.join(model.presets)}" if model.presets else ""
        click.echo(
            f"{'*' if model.default else ' '} {model.name:<{width}}  {model.size_kb:6.0f} KB"
            f"  {', '.join(model.keywords)}{presets}"
        )
    if any(model.default for model in models):
        click.echo("* is the default")


def _describe(name: str, path: Path) -> BundledModel:
    file = read_model(path)
    return BundledModel(
        name,
        name == DEFAULT_MODEL,
        file.manifest.keywords,
        round(file.size / 1024, 1),
        file.manifest.flatbuffer.quantization,
        tuple(file.manifest.presets),
        str(path),
    )


@click.command()
@model_option
@threads_option
def check(model: str, threads: int) -> int:
    """Verify a model and compute its probe on this device.

    The probe is a synthetic signal whose result the model file holds.

    Exit code 1 where features or interpreter give another result on this device.
    """
    classifier = Classifier.load(find_model(model), threads)
    result = run_probe(classifier)
    click.echo(
        f"{classifier.manifest.name}: {'ok' if result.passed else 'DIFFERS'}; largest difference"
        f" {result.difference:.2g}, allowed {result.tolerance:.2g} ({interpreter_name()})"
    )
    return 0 if result.passed else 1


DESCRIPTIONS = {
    "features": "features of a whole window",
    "model": "the network",
    "sum": "both together",
    "hop": "features of one new frame in a stream",
}


@click.command()
@model_option
@threads_option
@click.option(
    "--repetitions",
    type=click.IntRange(10, 100_000),
    default=200,
    help="How often each part is timed.",
)
@json_option
def bench(model: str, threads: int, repetitions: int, as_json: bool) -> None:
    """Time one decision on this device: features and model, batch 1."""
    classifier = Classifier.load(find_model(model), threads)
    latencies = measure(classifier, repetitions)
    if as_json:
        result = {name: dataclasses.asdict(latency) for name, latency in latencies.items()}
        about = {"model": classifier.manifest.name, "interpreter": interpreter_name()}
        click.echo(json.dumps({**about, "threads": threads, "latency": result}))
        return
    click.echo(f"{classifier.manifest.name}, {interpreter_name()}, {threads} thread(s)")
    for name, text in DESCRIPTIONS.items():
        latency = latencies[name]
        click.echo(f"{text:<40}{latency.median_ms:8.3f} ms   p95 {latency.p95_ms:8.3f} ms")
