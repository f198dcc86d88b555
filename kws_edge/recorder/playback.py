"""Playing a take back."""

from kws_edge.audio.files import resample
from kws_edge.errors import AudioDeviceError
from kws_edge.types import FloatArray


def play(samples: FloatArray, sample_rate: int) -> None:
    """Play ``samples [n]`` to their end on the default output device.

    Raises `AudioDeviceError` where there is none.
    """
    try:
        import sounddevice
    except OSError as error:
        raise AudioDeviceError("cannot play: the PortAudio library is missing") from error
    try:
        device_rate = round(sounddevice.query_devices(kind="output")["default_samplerate"])
        try:
            sounddevice.check_output_settings(samplerate=sample_rate, channels=1)
        except sounddevice.PortAudioError:  # hardware without a sound server: one rate only
            samples, sample_rate = resample(samples, sample_rate, device_rate), device_rate
        sounddevice.play(samples, sample_rate, blocking=True, latency="high")
    except (sounddevice.PortAudioError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise AudioDeviceError(f"cannot play: no output device works here ({reason})") from error
