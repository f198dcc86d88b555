"""What C libraries print on stderr: chatter is dropped, anything else is printed once."""

import subprocess
import sys

from conftest import Command

PROGRAM = """
import os, sys, time
from kws_edge.cli.library_noise import capture_library_noise
capture_library_noise()
for n in range(300):
    os.write(2, b"BDB0126 mmap: Cannot allocate memory\\nINFO: Created TensorFlow Lite\\n")
    os.write(2, b"Expression 'ret' failed in 'pa_linux_alsa.c', line: 1983\\n")
    os.write(2, f"a fault of \\033[1m{n} bytes\\n".encode())
sys.stderr.write("ours\\n")
"""


def test_chatter_is_dropped_and_another_line_is_printed_once() -> None:
    result = subprocess.run(
        [sys.executable, "-c", PROGRAM], capture_output=True, text=True, check=True, timeout=60
    )
    lines = sorted(result.stderr.splitlines())
    assert lines == ["kws-edge: a fault of  [1m0 bytes", "ours"]


def test_a_library_that_prints_more_than_is_read_does_not_stop_the_program() -> None:
    program = (
        "import ctypes, os; from kws_edge.cli.library_noise import capture_library_noise;"
        "capture_library_noise(); libc = ctypes.PyDLL(None);"  # which keeps the interpreter's lock
        "[libc.write(2, b'x' * 4096, 4096) for _ in range(100)]"
    )
    subprocess.run([sys.executable, "-c", program], check=True, timeout=60, capture_output=True)


def test_a_crash_still_says_where() -> None:
    program = (
        "import os; from kws_edge.cli.library_noise import capture_library_noise;"
        "capture_library_noise(); os.abort()"
    )
    result = subprocess.run([sys.executable, "-c", program], capture_output=True, check=False)
    assert b"Fatal Python error: Aborted" in result.stderr


def test_a_command_that_loads_a_model_prints_nothing_of_the_interpreter(
    run_command: Command,
) -> None:
    assert run_command("check").stderr == ""
