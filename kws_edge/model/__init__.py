"""The one-file model: flatbuffer, manifest, interpreter, classifier."""
