"""How much of a playbook is for real: `live`, `shadow`, `canary 5%`, `ramp 10%/day`."""

from __future__ import annotations

import re

from cs_engine.language.problems import Place, Problems
from cs_engine.playbook.plan import LIVE, SHADOW_MODE, Mode

_SHARE = r"([0-9]{1,2}(?:\.[0-9]+)?) ?%"
_PARTIAL = re.compile(rf"(?:canary {_SHARE}|ramp {_SHARE} ?/ ?day)")
_EXAMPLES = "write live, shadow, canary 5% or ramp 10%/day"


def parse(text: str, place: Place, problems: Problems) -> Mode:
    """The mode that `text` says. A wrong one is a problem, and live: such a playbook does not run."""
    words = " ".join(text.split())
    for mode in (LIVE, SHADOW_MODE):
        if words == mode.kind:
            return mode
    found = _PARTIAL.fullmatch(words)
    share = float(found[1] or found[2]) / 100 if found else 0.0
    if found is None or not share:
        problems.add(place, "P121", f'"{text}" is no mode', _EXAMPLES)
        return LIVE
    return Mode("canary" if found[1] else "ramp", share)
