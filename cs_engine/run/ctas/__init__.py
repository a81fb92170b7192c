"""Calls to action after they have fired: closed, worked on, told of, watched."""
