"""The shapes of metrics.yaml and segments.yaml as a whole: names to specs."""

from __future__ import annotations

from cs_engine.usage.model import MetricSpec, SegmentSpec

Metrics = dict[str, MetricSpec]
Segments = dict[str, SegmentSpec | str]
"""A segment is its condition, or {when, title}."""
