"""What the pages say exists: files that they link to, commands, options, Python that they show."""

import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import click
import numpy as np
import pytest
from conftest import ROOT

import kws_edge
from kws_edge.audio.files import read_audio
from kws_edge.cli import main as runtime
from kws_edge.model.file import demo_recording
from training.cli import main as training

PAGES = sorted(
    [*ROOT.glob("*.md"), *(ROOT / "docs").rglob("*.md"), *ROOT.glob("*/README.md")],
)
PAGES = [page for page in PAGES if page.name != "CHANGELOG.md"]  # it names commands that are gone
PROGRAMS = {("kws-edge",): runtime, ("python", "-m", "training"): training}
NO_CALLS = {"-n", "another"}  # words before a name that is a value or part of a message


each_page = pytest.mark.parametrize(
    "page", [pytest.param(page, id=str(page.relative_to(ROOT))) for page in PAGES]
)


def commands_of(text: str) -> Iterator[list[str]]:
    """Calls of this project's programs in code blocks and code spans, as words."""
    blocks = re.findall(r"```(?:sh|console)\n(.*?)```", text, re.DOTALL)
    blocks += re.findall(r"^(?: {4}.*\n)+", text, re.MULTILINE)
    lines = [
        line for block in blocks for line in re.sub(r"\\\n\s*", " ", block).splitlines()
    ] + re.findall(r"`([^`\n]+)`", text)
    for line in lines:
        for part in re.split(r"[|&;]|\$\(", line.split(" #")[0]):
            words = split(part)
            for program in PROGRAMS:
                for start in range(len(words)):
                    called = tuple(words[start : start + len(program)]) == program
                    if called and words[max(start - 1, 0)] not in NO_CALLS:
                        yield words[start:]


def split(part: str) -> list[str]:
    try:
        words = shlex.split(part.strip().removeprefix("$ "))
    except ValueError:  # a quote that ends in another line
        return []
    return [Path(word).name if word.endswith("/kws-edge") else word for word in words]


def unknown(words: list[str]) -> list[str]:
    """The command and the options in ``words`` that do not exist."""
    (program,) = [known for known in PROGRAMS if tuple(words[: len(known)]) == known]
    command: click.Command = PROGRAMS[program]
    rest = words[len(program) :]
    while isinstance(command, click.Group) and rest and not rest[0].startswith("-"):
        found = command.get_command(click.Context(command), rest[0])
        if found is None:
            return [rest[0]] if re.fullmatch(r"[a-z-]+", rest[0]) else []
        command, rest = found, rest[1:]
    options = {"--help", "--version"}
    for parameter in command.params:
        options |= {*parameter.opts, *parameter.secondary_opts}
    given = [word.split("=")[0] for word in rest if re.fullmatch(r"--?[a-z][a-z-]*(=.*)?", word)]
    return [option for option in given if option not in options]


@each_page
def test_commands_and_options_exist(page: Path) -> None:
    faults = {
        " ".join(words): missing
        for words in commands_of(page.read_text())
        if (missing := unknown(words))
    }
    assert faults == {}


def test_commands_are_found_in_a_page() -> None:
    page = "```sh\n$ kws-edge listen --jsn | jq .\n```\nuse `python -m training fly x`\n"
    assert [unknown(words) for words in commands_of(page)] == [["--jsn"], ["fly"]]


@each_page
def test_links_lead_somewhere(page: Path) -> None:
    links = re.findall(r"\]\((?!https?:)([^)#\s]+)(#[^)]*)?\)", page.read_text())
    assert [link for link, _ in links if not (page.parent / link).exists()] == []
    for link, anchor in links:
        if anchor and link.endswith(".md"):
            headings = re.findall(r"^#+ (.*)$", (page.parent / link).read_text(), re.MULTILINE)
            slugs = [re.sub(r"[^\w -]", "", h.lower()).replace(" ", "-") for h in headings]
            assert anchor[1:] in slugs


def test_the_readme_is_short() -> None:
    assert len((ROOT / "README.md").read_text().split()) <= 700


def test_the_python_of_the_readme_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    listening, pushing = re.findall(
        r"```python\n(.*?)```", (ROOT / "README.md").read_text(), re.DOTALL
    )
    # the same generator, over the demo instead of a microphone, which has no "stop" to wait for
    listen = kws_edge.listen
    monkeypatch.setattr(kws_edge, "listen", lambda: listen(demo_recording()))
    names: dict[str, object] = {}
    exec(listening, names)  # noqa: S102
    assert isinstance(names["detection"], kws_edge.Detection)
    assert names["detection"].label == "stop"

    samples = read_audio(demo_recording(), 16000)
    blocks = [np.asarray(block) for block in np.array_split(samples, 100)]
    names = {"kws_edge": kws_edge, "blocks": blocks}
    exec(pushing, names)  # noqa: S102
    assert isinstance(names["detection"], kws_edge.Detection)
