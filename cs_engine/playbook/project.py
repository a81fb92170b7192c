"""A project as loaded: everything under its playbooks/, checked."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import date
from functools import partial
from pathlib import Path

from cs_engine.language.expression import Expression
from cs_engine.language.problems import Problem, Problems
from cs_engine.playbook.calendars import Calendars
from cs_engine.playbook.config import ProjectConfig, Team
from cs_engine.playbook.definitions import Definitions, Milestone
from cs_engine.playbook.people import Directory
from cs_engine.playbook.plan import TRANSACTIONAL, Plan
from cs_engine.playbook.reader import Surroundings
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import Catalogue
from cs_engine.usage.model import HealthSpec, JourneySpec, MetricSpec, SegmentSpec


@dataclass(frozen=True, slots=True, kw_only=True)
class Project:
    """What a project folder says. Its plans can run; what cannot is in `broken`, and why in `problems`."""

    root: Path
    config: ProjectConfig
    team: Team
    metrics: Mapping[str, MetricSpec]
    segments: Mapping[str, SegmentSpec]
    journey: JourneySpec
    health: HealthSpec | None
    attributes: Attributes
    catalogue: Catalogue
    people: Mapping[str, Expression]
    """Role of project.yaml (champion, operators) -> the condition over contacts that says who has it."""
    holds: Mapping[str, Expression]
    """Topic of project.yaml's `hold` ('' for all) -> the condition over accounts that holds its mail."""
    lost_when: Expression | None
    """project.yaml's rule over contacts that says whom our persistence has lost; None: nobody says."""
    plans: Mapping[str, Plan]
    """By playbook id, the built-in `milestone-…` too: only those without errors."""
    bundles: Mapping[str, str]
    """Digest of each plan -> the text from which `compile_bundle` makes it again."""
    broken: Mapping[str, tuple[Problem, ...]]
    """Playbook id (the file, where it has none) -> its errors; none when the error is in something that it uses."""
    problems: Problems
    sources: Mapping[str, str]
    """Each file that was read -> its text, to show the line of a problem."""
    alike: Expression | None = None
    """What accounts have in common whose times to milestones are compared; None: nothing, all are."""

    def surroundings(self) -> Surroundings:
        """What this project's playbooks are compiled against."""
        return Surroundings(
            Directory.of(self.team),
            self.catalogue.scope,
            definitions_of(self.segments, self.journey),
            self.attributes.events,
            in_place=self.attributes.in_place,
        )

    @property
    def is_day_off(self) -> Callable[[date], bool] | None:
        """Which days from Monday to Friday are no business days; None where no calendar says so."""
        name = self.config.business_calendar
        return None if name is None else partial(Calendars.of(self.config).has, name)

    def holds_of(self, plan: Plan) -> list[Expression]:
        """What holds the mail of a plan, any of them: its own condition, over its subjects, and the project's, over accounts."""
        if plan.topic == TRANSACTIONAL:
            return []
        every = (plan.hold, self.holds.get(""), self.holds.get(plan.topic))
        return [condition for condition in every if condition is not None]


def definitions_of(segments: Mapping[str, SegmentSpec], journey: JourneySpec) -> Definitions:
    """Segments and milestones as plans mean them."""
    return Definitions(
        {name: segment.when for name, segment in segments.items()},
        {name: Milestone(milestone.when, milestone.told_by, milestone.confirm) for name, milestone in journey.milestones().items()},
    )
