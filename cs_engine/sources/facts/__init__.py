"""The evaluation of one tick's facts over a set."""
