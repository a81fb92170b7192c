"""From rows of sources to a set: typed, checked, written; what has not changed is not read again."""
