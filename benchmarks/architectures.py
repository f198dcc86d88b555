"""Size, work and time of each architecture at some widths, windowed and streaming.

The networks are untrained: neither size nor time depends on the values of weights. Times are
those of one decision in the runtime: the network, and what NumPy does around it (quantising,
states in and out), but no features.
"""

import json
import os
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from benchmarks import machine

if TYPE_CHECKING:
    from training.config import TrainingConfig

WIDTHS = {"tc_resnet": (8, 16, 20, 32, 48), "ds_cnn": (32, 64, 96, 160), "bc_resnet": (8, 12, 24)}
LABELS = 10
FEATURES = {"kind": "log_mel", "frame_length_ms": 30, "log_offset": 1e-3, "upper_edge_hertz": 7600}
FORMS = ("windowed", "streaming")
QUANTIZATIONS = ("float32", "int8")
INTERPRETERS = ("litert", "tflite-runtime")


def make(architecture: str, width: int, step_ms: float, folder: Path) -> dict[str, Any]:
    """What a network is made of; its model files go to ``folder``, and are in the result."""
    from kws_edge.audio.files import write_wav
    from kws_edge.config.schema import parse
    from kws_edge.model.probe import probe_signal
    from training.config import TrainingConfig
    from training.data.clips import scan
    from training.export.convert import convert
    from training.networks.network import multiply_accumulates
    from training.networks.streaming_form import chunk_of
    from training.train.run import Run

    labels = [f"word{number}" for number in range(LABELS)]
    config = parse(
        TrainingConfig,
        {
            "name": f"{architecture}-{width}",
            "data": {"sources": [{"folder": "sounds"}], "words": labels},
            "network": {"architecture": architecture, "width": width},
            "features": {**FEATURES, "frame_step_ms": step_ms},
        },
    )
    sounds = folder / "sounds"
    (sounds / labels[0]).mkdir(parents=True, exist_ok=True)
    write_wav(sounds / labels[0] / "probe.wav", probe_signal(config.features), 16000)
    run = folder / config.name
    model = _keep_untrained(config, run)
    files = {
        f"{form} {quantization}": convert(
            Run(run, config),
            quantization,
            tuple(scan(sounds)),
            folder,
            chunk=chunk_of(config) if form == "streaming" else None,
        )
        for form in FORMS
        for quantization in QUANTIZATIONS
    }
    return {
        "name": config.name,
        "parameters": model.count_params(),
        "macs": multiply_accumulates(model),
        "files": {form: str(path) for form, path in files.items()},
        "kb": {form: path.stat().st_size / 1024 for form, path in files.items()},
    }


def _keep_untrained(config: "TrainingConfig", run: Path) -> Any:
    """The network, which ``run`` then holds as if it were trained."""
    import keras

    from training.networks.network import network
    from training.train.run import WEIGHTS, write_run_files

    keras.utils.set_random_seed(0)
    model = network(config)
    run.mkdir()
    write_run_files(run, config, {}, {"git_commit": "none"})
    model.save_weights(run / WEIGHTS)
    return model


def measure(networks: list[dict[str, Any]], interpreter: str, seconds: float) -> dict[str, float]:
    """Median ms of a decision by file, in a process of its own; none where it is missing."""
    files = [path for network in networks for path in network["files"].values()]
    result = subprocess.run(
        [sys.executable, "-m", "benchmarks.decisions", str(seconds), *files],
        env={**os.environ, "KWS_EDGE_INTERPRETER": interpreter},
        stdout=subprocess.PIPE,
        text=True,
        check=False,
    )
    medians: dict[str, float] = json.loads(result.stdout) if result.returncode == 0 else {}
    return medians


def as_text(report: dict[str, Any]) -> str:
    """The report as tables to read, in GitHub's Markdown."""
    forms = [f"{form} {quantization}" for form in FORMS for quantization in QUANTIZATIONS]
    lines = [report["machine"], f"one thread, {report['seconds']:g} s an interpreter", ""]
    rows = [["network", "parameters", "MMAC", *(f"KB {form}" for form in forms)]]
    for network in report["networks"]:
        sizes = [f"{network['kb'][form]:.1f}" for form in forms]
        rows.append(
            [network["name"], f"{network['parameters']}", f"{network['macs'] / 1e6:.2f}", *sizes]
        )
    lines += _table(rows)
    for interpreter, medians in report["median_ms"].items():
        rows = [[f"{interpreter}, ms", *forms]]
        for network in report["networks"]:
            times = [medians.get(network["files"][form]) for form in forms]
            rows.append([network["name"], *(f"{ms:.4f}" if ms else "absent" for ms in times)])
        lines += ["", *_table(rows)]
    return "\n".join(lines)


def _table(rows: list[list[str]]) -> list[str]:
    head, *body = [f"| {' | '.join(row)} |" for row in rows]
    return [head, f"|---{'|---:' * (len(rows[0]) - 1)}|", *body]


@click.command()
@click.option("--seconds", type=click.FloatRange(min=0.1), default=20.0, show_default=True)
@click.option("--step-ms", type=click.Choice(["10", "20"]), default="20", show_default=True)
@click.option("--json", "as_json", is_flag=True, help="JSON on stdout.")
@click.argument("names", nargs=-1)
def main(seconds: float, step_ms: str, as_json: bool, names: tuple[str, ...]) -> None:
    """Compare architectures: NAMES such as tc_resnet-24, or some widths of each.

    A window is 1 s of 40 mel bands; a chunk of the streaming forms is 80 ms.
    """
    chosen = names or tuple(
        f"{name}-{width}" for name, widths in WIDTHS.items() for width in widths
    )
    with tempfile.TemporaryDirectory() as folder:
        networks = []
        for name in chosen:
            architecture, width = name.rsplit("-", 1)
            networks.append(make(architecture, int(width), float(step_ms), Path(folder)))
        about = machine()
        medians = {name: measure(networks, name, seconds) for name in INTERPRETERS}
    report = {"machine": about, "seconds": seconds, "networks": networks, "median_ms": medians}
    click.echo(json.dumps(report) if as_json else as_text(report))


if __name__ == "__main__":
    main()
