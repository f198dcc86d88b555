"""Completion in a shell: what click offers, and a real bash that takes it."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest
from conftest import Command

from kws_edge.cli import Commands
from kws_edge.cli.completion import SHELLS, completer_of
from kws_edge.config.settings import settings
from kws_edge.model.file import bundled_models


@pytest.fixture
def complete(run_command: Command) -> "Complete":
    return Complete(run_command)


class Complete:
    """What is offered for the last of the words typed, each with its type."""

    def __init__(self, run: Command) -> None:
        self._run = run

    def __call__(self, *words: str) -> list[tuple[str, str]]:
        environment = {
            **os.environ,
            "_KWS_EDGE_COMPLETE": "bash_complete",
            "COMP_WORDS": " ".join(("kws-edge", *words)),
            "COMP_CWORD": str(len(words)),
        }
        result = self._run(env=environment)
        assert (result.returncode, result.stderr) == (0, "")
        lines = filter(None, result.stdout.splitlines())
        return [(kind, value) for kind, _, value in (line.partition(",") for line in lines)]

    def values(self, *words: str) -> set[str]:
        return {value for _, value in self(*words)}


def test_commands_and_options_are_offered(complete: Complete) -> None:
    assert complete.values("re") == {"record"}
    assert {"listen", "ui", "completion"} < complete.values("")
    assert complete.values("listen", "--detector-th") == {
        "--detector-threshold",
        "--detector-thresholds",
    }
    assert complete.values("service", "un") == {"uninstall"}


@pytest.mark.parametrize("words", [("listen", "-m"), ("predict", "--model"), ("info",)])
def test_models_are_offered_by_name_and_else_as_files(
    complete: Complete, words: tuple[str, ...]
) -> None:
    assert complete.values(*words, "") == {"default", *bundled_models()}
    assert complete(*words, "small-i") == [("plain", "small-int8")]
    assert complete(*words, "./my") == [("file", "./my")]


def test_presets_are_those_of_the_model_given(complete: Complete, tmp_path: Path) -> None:
    assert {"quiet", "eager"} <= complete.values("listen", "--preset", "")
    assert complete("wyoming", "--preset", "qu") == [("plain", "quiet")]
    assert complete("listen", "--model", str(tmp_path / "none.tflite"), "--preset", "") == []


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        (("listen", "--input", ""), "file"),
        (("listen", "--config", ""), "file"),
        (("ui", "--page-recordings", ""), "file"),
        (("predict", ""), "file"),
        (("record", "--output", ""), "file"),
    ],
)
def test_files_are_offered(complete: Complete, words: tuple[str, ...], kind: str) -> None:
    assert [offered for offered, _ in complete(*words)] == [kind]


def test_words_of_settings_are_offered(complete: Complete) -> None:
    assert complete.values("listen", "--microphone-channel", "") == {"mix"}
    assert complete.values("listen", "--clips-near-miss", "") == set()
    assert complete.values("listen", "--detector-gate-dbfs", "o") == {"off"}
    yes_or_no = [setting for setting in settings() if setting.hint is bool]
    assert yes_or_no
    for setting in yes_or_no:
        offered = completer_of(setting)(None, None, "t")  # type: ignore[arg-type]
        assert [item.value for item in offered] == ["true"]


@pytest.mark.parametrize("shell", SHELLS)
def test_a_script_for_each_shell(run_command: Command, shell: str) -> None:
    result = run_command("completion", shell)
    assert result.returncode == 0, result.stderr
    assert f"_KWS_EDGE_COMPLETE={shell}_complete" in result.stdout
    if program := shutil.which(shell):
        check = subprocess.run(
            [program, "-n"], input=result.stdout, text=True, capture_output=True, check=False
        )
        assert (check.returncode, check.stderr) == (0, "")


def test_another_shell_is_refused(run_command: Command) -> None:
    result = run_command("completion", "tcsh")
    assert result.returncode == 2
    assert "'bash', 'zsh', 'fish'" in result.stderr


def test_a_real_bash_completes(program: Path) -> None:
    bash = shutil.which("bash")
    if bash is None:
        pytest.skip("needs bash")
    script = (
        'eval "$(kws-edge completion bash)"\n'
        "COMP_WORDS=(kws-edge listen --preset e) COMP_CWORD=3\n"
        '_kws_edge_completion kws-edge; printf "%s\\n" "${COMPREPLY[@]}"\n'
        "complete -p kws-edge"
    )
    environment = {**os.environ, "PATH": f"{program.parent}:{os.environ['PATH']}"}
    result = subprocess.run(
        [bash, "--norc", "-c", script], env=environment, text=True, capture_output=True, check=True
    )
    assert result.stdout.splitlines() == [
        "eager",
        "complete -o nosort -F _kws_edge_completion kws-edge",
    ]


def test_a_man_page_for_each_command(tmp_path: Path) -> None:
    pytest.importorskip("click_man", reason="needs click-man, of Python 3.11 or newer")
    import man_pages

    names = {path.name for path in man_pages.write(tmp_path)}
    assert {"kws-edge.1", "kws-edge-listen.1", "kws-edge-config-check.1"} < names
    assert len(names) >= len(Commands.modules) + 1
    listen = (tmp_path / "kws-edge-listen.1").read_text()
    assert "Spot keywords live" in listen
    assert "KWS_EDGE_DETECTOR_THRESHOLD" in listen
    if groff := shutil.which("groff"):
        pages = [str(tmp_path / name) for name in sorted(names)]
        result = subprocess.run(
            [groff, "-man", "-Tutf8", "-ww", *pages], capture_output=True, text=True, check=False
        )
        assert (result.returncode, result.stderr) == (0, "")
