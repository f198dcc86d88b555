"""Front ends: audio to features, for whole windows and for streams.

To add one, write its module beside these and append its class to `BUILT_IN`: see
docs/architecture.md.
"""

from kws_edge.features.config import register_front_end
from kws_edge.features.embedding_mel import EmbeddingMel
from kws_edge.features.log_mel import LogMel
from kws_edge.features.mfcc import Mfcc
from kws_edge.features.micro import Micro
from kws_edge.features.psf_mfcc import PsfMfcc
from kws_edge.features.spectrogram import Spectrogram

BUILT_IN = (Spectrogram, LogMel, Mfcc, PsfMfcc, EmbeddingMel, Micro)

for _front_end in BUILT_IN:
    register_front_end(_front_end)
