"""What can go wrong with a template: when it is compiled, and when it is rendered for one recipient."""

from __future__ import annotations

from collections.abc import Sequence

from cs_engine.errors import CsEngineError
from cs_engine.language.problems import Problem


class BrokenTemplate(CsEngineError):
    """A template has errors and cannot be compiled."""

    def __init__(self, template: str, problems: Sequence[Problem]) -> None:
        self.template, self.problems = template, tuple(problems)
        super().__init__(f"template {template} has {len(self.problems)} problem(s)", "cs-engine check")

    def __reduce__(self) -> tuple[type[BrokenTemplate], tuple[str, tuple[Problem, ...]]]:
        return BrokenTemplate, (self.template, self.problems)


class RenderFailed(CsEngineError):
    """A template failed for one context. Carries names of the template's own, never a value: it may be shown and stored."""

    def __init__(self, reason: str, template: str, name: str = "") -> None:
        self.reason = reason
        """undefined_variable | unsafe_url | too_long | template_failed"""
        self.template = template
        self.name = name
        """The undefined variable as far as it is known, or the type of what was raised; '' else."""
        super().__init__(f"template {template}: {reason}" + (f" ({name})" if name else ""))

    def __reduce__(self) -> tuple[type[RenderFailed], tuple[str, str, str]]:
        return RenderFailed, (self.reason, self.template, self.name)
