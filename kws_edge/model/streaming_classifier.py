"""Posteriors of a window that rolls over a stream, at the cost of its new frames."""

from kws_edge.model.classifier import Classifier, States
from kws_edge.types import FloatArray


class StreamingClassifier:
    """Keeps the states of one stream for a streaming model; any other sees whole windows.

    It asks for nothing to be told of what it did not see: where frames are missing, or do not
    fill whole chunks, it hears the window from its beginning.
    """

    def __init__(self, classifier: Classifier) -> None:
        self._classifier = classifier
        self._streaming = classifier.manifest.streaming
        self.reset()

    @property
    def chunk_frames(self) -> int:
        """Frames in the smallest step that costs only itself."""
        return self._streaming.chunk_frames if self._streaming else 1

    def reset(self) -> None:
        """The next window begins a new stream."""
        self._states: States | None = None
        self._seen = 0

    def __call__(self, window: FloatArray, frames_seen: int) -> FloatArray:
        """Posteriors ``[labels]`` of ``window [frames, width]``, the last frames of a stream
        of ``frames_seen``.
        """
        if self._streaming is None:
            return self._classifier(window)
        new = frames_seen - self._seen
        if self._states is None or not 0 < new < len(window) or new % self.chunk_frames:
            self._states, new = self._classifier.silent_states(), len(window)
        self._seen = frames_seen
        posteriors, self._states = self._classifier.advance(window[-new:], self._states)
        return posteriors
