"""`kws-edge record`: samples of words, judged before they are kept."""
