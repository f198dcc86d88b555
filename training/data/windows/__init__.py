"""Windows of 1 s as a stream shows them, each with its label.

A keyword is anywhere in its window, with another word's tail or a noise before and after it.
What a window is called depends on how much of a keyword's speech lies inside:

- all of it: the keyword. It stays that for as long as the word is whole, so that a stream
  gives several decisions in a row to average.
- at most `LARGEST_PART`: ``_unknown_``. Half a word may be the beginning of another ("no"
  of "north"), and a model that fires on beginnings fires early and wrongly.
- between these two: never shown. The model may change its mind there as it likes; either
  label would teach it to separate a word from the same word without its last consonant.
"""

UNKNOWN, SILENCE = "_unknown_", "_silence_"

LARGEST_PART = 0.45
