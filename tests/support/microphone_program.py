"""A program that records the microphone and reports all that happens, as JSON lines.

python microphone_program.py [--wait] [--device NAME] [--channel N] [--silence SECONDS]
               [--save FILE] [--nap SECONDS] [--queue SECONDS] [--slow SECONDS]

Ends at SIGTERM or SIGINT. The saved file holds zeros where samples were lost.
"""

import argparse
import json
import signal
import sys
import time
from pathlib import Path
from typing import Literal

import numpy as np

from kws_edge.audio.files import write_wav
from kws_edge.audio.level import level_dbfs
from kws_edge.errors import KwsEdgeError
from kws_edge.sources.capture import Instant, MicrophoneConfig, now
from kws_edge.sources.microphone import ReconnectingMicrophone
from kws_edge.types import FloatArray

RATE = 16000


class MicrophoneProgram:
    def __init__(self, arguments: argparse.Namespace) -> None:
        self.arguments = arguments
        self.sample = 0
        self.parts: list[FloatArray] = []
        self.nap = 0.0
        channel: int | Literal["mix"] = "mix" if arguments.channel is None else arguments.channel
        config = MicrophoneConfig(arguments.device, channel, arguments.queue, arguments.silence)
        self.microphone = ReconnectingMicrophone(
            RATE, config, self.on_state, arguments.wait, self.clock
        )

    def clock(self) -> Instant:
        """The real one, with a sleep of the machine added from SIGUSR1 on."""
        real = now()
        return Instant(real.time + self.nap, real.asleep + self.nap)

    def say(self, **document: object) -> None:
        sys.stdout.write(json.dumps({"at": time.monotonic(), **document}) + "\n")
        sys.stdout.flush()

    def on_state(self, state: str, reason: str) -> None:
        assert self.microphone.state == state
        self.say(state=state, reason=reason, sample=self.sample)

    def run(self) -> None:
        arguments = self.arguments
        with self.microphone as microphone:
            self.say(entered=True)
            for block in microphone.blocks():
                if block.lost:
                    self.say(lost=block.lost, reason=block.reason, sample=self.sample)
                self.take(np.zeros(block.lost, np.float32))
                self.take(block.samples)
                time.sleep(arguments.slow)
                arguments.slow = 0.0
            closing = time.monotonic()
        self.say(closed_in=time.monotonic() - closing)

    def take(self, samples: FloatArray) -> None:
        self.sample += len(samples)
        if self.arguments.save and len(samples):
            self.parts.append(samples)

    def finish(self) -> None:
        microphone = self.microphone
        recorded = np.concatenate(self.parts) if self.parts else np.zeros(0, np.float32)
        if self.arguments.save:
            write_wav(self.arguments.save, recorded, RATE)
        self.say(
            overflows=microphone.overflows,
            underflows=microphone.underflows,
            blocks_dropped=microphone.blocks_dropped,
            samples_lost=microphone.samples_lost,
            restarts=microphone.restarts,
            samples=self.sample,
            level=level_dbfs(recorded) if len(recorded) else None,
            cpu=time.process_time(),
        )


def main() -> None:
    parser = argparse.ArgumentParser()
    parser.add_argument("--wait", action="store_true")
    parser.add_argument("--device")
    parser.add_argument("--channel", type=int)
    parser.add_argument("--silence", type=float, default=10.0)
    parser.add_argument("--queue", type=float, default=5.0)
    parser.add_argument("--nap", type=float, default=0.0)
    parser.add_argument("--slow", type=float, default=0.0)
    parser.add_argument("--save", type=Path)
    program = MicrophoneProgram(parser.parse_args())

    def nap(*_: object) -> None:
        program.nap = program.arguments.nap

    def stop(*_: object) -> None:
        program.say(stopping=True)
        program.microphone.close()

    signal.signal(signal.SIGUSR1, nap)
    signal.signal(signal.SIGTERM, stop)
    signal.signal(signal.SIGINT, stop)
    try:
        program.run()
    except KwsEdgeError as error:
        program.say(error=str(error))
        sys.exit(error.exit_code)
    program.finish()


if __name__ == "__main__":
    main()
