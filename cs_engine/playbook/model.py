"""What a playbook file may say: every key with its meaning and default. Shapes only; conditions and durations are still text here.

The descriptions are read by people: editors show them (schema.py) and docs/reference.md is made of them (reference.py).
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal

from pydantic import BeforeValidator, Field, StrictInt

from cs_engine.playbook.entries import Enter
from cs_engine.playbook.steps import Step
from cs_engine.playbook.words import Condition, Id, Keyed, Share, Synonyms, VarValue, wrong
from cs_engine.usage.model import LocalisedText


def _named_values(value: Any) -> Any:
    """Conditions and templates say `vars.name`."""
    for name in value if isinstance(value, Mapping) else ():
        if not re.fullmatch(r"[A-Za-z_]\w*", name):
            raise wrong("P105", f'"{name}" cannot be the name of a value', "use letters, digits and _", key=name)
    return value


class PlaybookSpec(Keyed):
    """One playbook, one file."""

    CALLED = "a playbook"
    SYNONYMS: ClassVar[Synonyms] = {
        "name": ("playbook", "It names the playbook"),
        "id": ("playbook", "It names the playbook"),
        "when": ("enter", ""),
    }

    playbook: Id = Field(description="Names the playbook: small letters, digits, hyphens. Unique in the project; it never changes.")
    title: LocalisedText = Field(default_factory=dict, description="For people: text, or {en: …, ja: …}. Default: the id.")
    owner: str = Field("", description="Who answers for it: an e-mail or a team.")
    subject: Literal["account", "contact"] = Field("account", description="Who passes through it.")
    touch: Literal["tech", "low", "high"] = Field("tech", description="How much of a human there is in it.")
    phase: str | None = Field(None, description="The phase of journey.yaml that it serves.")
    topic: str = Field(
        "general", description="Mail topic for preferences. `transactional` has no cap, hold, holdout or unsubscribe.", min_length=1
    )
    audience: Condition | None = Field(None, description="For whom it is at all. Default: everyone.")
    enter: Enter | None = Field(
        None,
        description="Begins a passage when it holds; or `{event: invited}`: with each such event; or `{segment: …}`, "
        "`{leaves: …}`, `{changed: …}`: when something changes; or `manual`: only `cs-engine enrol` and "
        "`enrol` steps begin one. Default: at once for the whole audience.",
    )
    once_per: str | None = Field(None, description="The key of one passage: `account.contract_id`. Default: once per subject, ever.")
    reenter: str = Field(
        "never",
        description="`never`, or `after 90 days`: again so long after the end of the last passage, if `audience` and `enter` were "
        "not both true in between.",
    )
    existing: Literal["skip", "include"] | None = Field(
        None, description="Those who match already at the first run: left out, or taken. None given: left out, and their number is told."
    )
    goal: Condition | None = Field(None, description="Success: leave at once. Goal beats exit.")
    exit: Condition | None = Field(None, description="Leave, without success.")
    while_: Condition | None = Field(
        None, alias="while", description="Leave, without success, as soon as this holds no more; who does not meet it does not enter."
    )
    hold: Condition | None = Field(
        None, description="While this is true customer mail waits and the passage's timers stand still; Slack, goal and exit go on."
    )
    mode: str = Field(
        "live",
        description="`live`; `shadow`: everything is decided and journalled, and nothing leaves; `canary 5%`: one account in twenty may "
        "enter; `ramp 10%/day`: a tenth more of them every day. Changing it makes no new version.",
    )
    holdout: Share = Field(
        "0%", description="So many of the accounts are a control group: they take the same way, and nothing is sent. It can only shrink."
    )
    schedule: str = Field(
        "every 15 minutes", description="`every 15 minutes`, `every 4 hours`, `every day`, or a cron line in the project's zone."
    )
    priority: Annotated[StrictInt, Field(ge=0, le=100)] = Field(50, description="Who wins under a cap; higher first.")
    redirect: dict[str, str] = Field(
        default_factory=dict,
        description="Step that was taken out -> step at which those who stood at it go on when `cs-engine apply --migrate` moves them.",
    )
    vars: Annotated[dict[str, VarValue], BeforeValidator(_named_values)] = Field(
        default_factory=dict, description="Values for templates and conditions, as `vars.name`."
    )
    steps: tuple[Step, ...] = Field(min_length=1, description="What happens, in this order.")
