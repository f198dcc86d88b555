"""YAML configuration files: wild text, mutated examples, bombs."""

import random
import tempfile
from collections.abc import Callable
from pathlib import Path

import yaml

from . import Summary
from .cases import ODD_TEXTS, odd_value, run_cases

NAME = "yaml"
TOKENS = (
    *(": ", "- ", "{", "}", "[", "]", ", ", "\n", "\n  ", "\n- ", "? ", "|\n", ">\n", "'", '"'),
    *("&a ", "*a", "<<: ", "!!int ", "!!float ", "!!binary ", "!!timestamp ", "!!omap ", "!!set "),
    *(
        "!!merge ",
        "!x ",
        "%YAML 3.0\n",
        "---\n",
        "...\n",
        "#",
        "\t",
        "\ufeff",
        "@",
        "`",
        "1:1:1",
        "0o9",
    ),
    *("0x", ".nan", ".inf", "1e999", "089", "true", "~", "2001-01-01t1:1:1.5-99:99", "=", "\u2028"),
)
# How often each kind comes up; a bomb costs as much as a hundred others.
KINDS = {"text": 40, "example": 30, "settings": 29, "bomb": 1}
LINES = 12  # of the example


def run(count: int, seed: int) -> Summary:
    """Load ``count`` configuration files."""
    from kws_edge.config import settings

    example = Path(settings.__file__).parent.parent / "config.example.yaml"
    text = example.read_text().replace("# ", "").replace("#", "")
    paths = [setting.path for setting in settings.settings()]
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "config.yaml"

        def case(rng: random.Random) -> Callable[[], object]:
            path.write_bytes(_content(text, paths, rng).encode("utf-8", "surrogatepass"))
            return lambda: settings.load_config(path, environment={})

        return run_cases(case, count, seed)


def _content(example: str, paths: list[str], rng: random.Random) -> str:
    match rng.choices(list(KINDS), list(KINDS.values()))[0]:
        case "text":
            return "".join(rng.choices((*TOKENS, *ODD_TEXTS, *paths), k=rng.randrange(1, 60)))
        case "example":
            lines = example.splitlines(keepends=True)
            first = rng.randrange(len(lines))
            example = "".join(lines[first : first + LINES])
            for _ in range(rng.choice((1, 3, 5))):
                place, cut = rng.randrange(len(example) + 1), rng.choice((0, 0, 1, 5, 50))
                new = rng.choice((*TOKENS, *ODD_TEXTS))
                example = example[:place] + new + example[place + cut :]
            return example
        case "settings":
            return _settings(paths, rng)
        case _:
            return _bomb(rng)


def _settings(paths: list[str], rng: random.Random) -> str:
    document: dict[object, object] = {}
    for path in rng.choices(paths, k=rng.randrange(1, 6)):
        value = odd_value(rng)
        section, _, name = path.rpartition(".")
        inner = document.setdefault(section, {}) if section else document
        if isinstance(inner, dict):
            inner[name] = value
    document.setdefault("commands", [{"run": odd_value(rng), "keywords": odd_value(rng)}])
    if rng.random() < 0.01:
        document.update((f"k{n}", n) for n in range(1000))
    return str(yaml.safe_dump(document, allow_unicode=True))


def _bomb(rng: random.Random) -> str:
    width, depth = rng.choice(((2, 30), (10, 9), (200, 4), (3000, 2)))
    lines = [f"x0: &a0 [{', '.join(['l'] * width)}]"]
    lines += [
        f"x{n}: &a{n} [{', '.join([f'*a{n - 1}'] * width)}]"
        for n in range(1, rng.randrange(1, depth))
    ]
    lines.append(rng.choice(("model: *a0", "a: &b [*b]", "[" * 3000, "- " * 3000, "k: v\n" * 3)))
    return "\n".join(lines)
