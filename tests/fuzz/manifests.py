"""Mutated manifests, JSON and zip, in model files that are otherwise whole."""

import io
import json
import random
import tempfile
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from . import Summary
from .cases import ODD_TEXTS, odd_value, run_cases

NAME = "manifests"
ODD_MEMBERS = (
    '"a":1,',
    '"schema_version":2,',
    "[" * 200,
    "\\u0000",
    "NaN",
    "-",
    "{}",
    "\xff",
    "1e999",
)


def run(count: int, seed: int) -> Summary:
    """Read ``count`` model files, each with another manifest."""
    from kws_edge.model.file import find_model, read_model

    model = read_model(find_model("small-int8"))
    document = json.loads(model.manifest.to_json())
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "case.tflite"

        def case(rng: random.Random) -> Callable[[], object]:
            path.write_bytes(_file(model.flatbuffer, document, rng))
            return lambda: read_model(path)

        return run_cases(case, count, seed)


def _file(flatbuffer: bytes, document: dict[str, Any], rng: random.Random) -> bytes:
    text = _text(document, rng)
    method = rng.choices(
        (zipfile.ZIP_DEFLATED, zipfile.ZIP_STORED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA),
        (80, 15, 3, 2),
    )[0]
    buffer = io.BytesIO(flatbuffer)
    with zipfile.ZipFile(buffer, "a", method) as archive:
        archive.writestr("manifest.json" if rng.random() < 0.98 else "x\n.json", text)
    content = bytearray(buffer.getvalue())
    if rng.random() < 0.3:  # the zip's own fields
        for _ in range(rng.choice((1, 2, 5))):
            content[rng.randrange(len(flatbuffer), len(content))] = rng.randrange(256)
    if rng.random() < 0.05:
        del content[rng.randrange(len(flatbuffer), len(content)) :]
    return bytes(content)


def _text(document: dict[str, Any], rng: random.Random) -> bytes:
    changed = json.loads(json.dumps(document))
    for _ in range(rng.choice((1, 1, 2, 3, 8))):
        _mutate(changed, rng)
    text = json.dumps(changed, ensure_ascii=rng.random() < 0.5)
    for _ in range(rng.choice((0, 0, 1, 3))):
        place, cut = rng.randrange(len(text) + 1), rng.choice((0, 0, 1, 20))
        text = text[:place] + rng.choice(ODD_MEMBERS) + text[place + cut :]
    return text.encode(rng.choice(("utf-8", "utf-8", "utf-8", "utf-16")), "surrogatepass")


def _mutate(node: Any, rng: random.Random) -> None:
    """Change one value, or the keys, somewhere below ``node``."""
    if isinstance(node, list) and not node:
        node.append(odd_value(rng))
        return
    keys = list(node) if isinstance(node, dict) else list(range(len(node)))
    key = rng.choice(keys) if keys else "new"
    if keys and isinstance(node[key], (dict, list)) and rng.random() < 0.7:
        _mutate(node[key], rng)
        return
    match rng.randrange(6):
        case 0 if isinstance(node, dict):
            node[rng.choice(ODD_TEXTS)] = odd_value(rng)
        case 1 if isinstance(node, dict):
            node.update(
                (f"k{n}{rng.choice(ODD_TEXTS)[:50]}", n)
                for n in range(rng.choice((3, 3, 3, 3, 3, 3, 3, 3, 3, 5000)))
            )
        case 2 if keys:
            del node[key]
        case 3 if isinstance(node, list):
            node *= rng.choice((0, 0, 2, 2, 2, 200))
        case _:
            node[key] = odd_value(rng)
