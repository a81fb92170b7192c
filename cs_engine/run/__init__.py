"""One tick, a file a phase: observe, advance, enrol, deliver, feedback."""
