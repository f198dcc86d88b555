"""Array types that the whole package shares."""

import numpy as np
import numpy.typing as npt

FloatArray = npt.NDArray[np.float32]
Pcm16 = npt.NDArray[np.int16]
