"""What a mail costs: our whole render against the bare render of the same three compiled templates, in one run.

    .venv/bin/python -m benchmarks.mail [TEMPLATE [LOCALE]]

One process; the shipped mail `onboarding/team_review` by default. The promise is a ratio of at most 1.3.
For comparison, the same Jinja in stock environments: what the sandbox costs, and what ours saves.
"""

from __future__ import annotations

import statistics
import sys
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from time import perf_counter
from typing import Any

from jinja2 import Environment, StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cs_engine.content import sandbox, source
from cs_engine.content.compose import composed
from cs_engine.content.library import Library
from cs_engine.content.mail import EmailTemplate
from cs_engine.language.problems import Problems

ROOT = Path(__file__).resolve().parent.parent
MAILS = 400
ROUNDS = 15
PROMISE = 1.3

Context = dict[str, Any]


def context(needs: frozenset[str], number: int) -> Context:
    """A context with a value of its own for every name."""
    at = datetime(2026, 8, 31, 9, 0, tzinfo=UTC) - timedelta(days=number % 300)
    made: Context = {"contact": {}, "account": {}, "timezone": "Asia/Tokyo"}
    for name in needs:
        group, dot, attribute = name.partition(".")
        value: Any = number % 40
        if name.endswith(("_url", ".docs", ".app", ".booking", ".news")):
            value = f"https://app.vendor.example/{number}"
        elif name.endswith("_at") or name == "now":
            value = at
        elif name.endswith((".name", ".title", ".signature", ".postal_address", ".contact", ".id", ".email", ".plan")):
            value = f"{attribute} <{number}> & Co"
        if dot:
            made.setdefault(group, {})[attribute] = value
        else:
            made[name] = value
    return made


def seconds(render: Callable[[Context], object], contexts: Sequence[Context]) -> float:
    """Mean seconds of one render."""
    begin = perf_counter()
    for each in contexts:
        render(each)
    return (perf_counter() - begin) / len(contexts)


def bare(templates: Sequence[Template]) -> Callable[[Context], object]:
    def render(values: Context) -> object:
        return [template.render(values) for template in templates]

    return render


def stock(sources: Sequence[str], kind: type[Environment], own: EmailTemplate) -> Callable[[Context], object]:
    """The same Jinja in a stock environment, with our filters."""
    made = []
    for text, ours in zip(sources, (own.subject, own.html, own.text), strict=True):
        environment = kind(autoescape=ours is own.html, undefined=StrictUndefined, finalize=ours.environment.finalize)
        environment.filters = ours.environment.filters
        made.append(environment.from_string(text, globals={"locale": own.locale}))
    return bare(made)


def measured(runs: Mapping[str, Callable[[Context], object]], contexts: Sequence[Context]) -> dict[str, list[float]]:
    """Seconds a mail by run, a figure a round; the runs take turns, so that a busy machine is busy for all."""
    found: dict[str, list[float]] = {name: [] for name in runs}
    for _ in range(ROUNDS):
        for name, render in runs.items():
            found[name].append(seconds(render, contexts))
    return found


def main(arguments: Sequence[str]) -> int:
    name = arguments[0] if arguments else "onboarding/team_review"
    locale = arguments[1] if len(arguments) > 1 else "en"
    library = Library(ROOT, "en")
    template, place = library.email(name, locale), library.find("email", name, locale)
    assert template is not None
    assert place is not None
    problems = Problems()
    layout = library.layout(locale, problems)
    assert layout is not None
    made = composed(locale, source.parse(place[0], library.text(place[0], problems), problems), layout, problems)
    assert made is not None
    sources = (made.subject, made.html, made.text)
    contexts = [context(template.needs, number) for number in range(MAILS)]
    runs = {
        "ours, whole": template.render,
        "bare, our sandbox": bare((template.subject, template.html, template.text)),
        "bare, stock sandbox": stock(sources, ImmutableSandboxedEnvironment, template),
        "bare, no sandbox": stock(sources, Environment, template),
    }
    found = measured(runs, contexts)
    first = template.render(contexts[0])
    print(f"{name} ({locale}): {len(first.html)} characters of HTML, {len(first.text)} of text, {len(template.needs)} names")
    for run, figures in found.items():
        print(f"  {run:<20} {statistics.median(figures) * 1e6:8.0f} µs a mail")
    ratio = statistics.median(a / b for a, b in zip(found["ours, whole"], found["bare, our sandbox"], strict=True))
    print(f"  ratio whole / bare   {ratio:8.2f} (promise: {PROMISE}; sandbox of {type(sandbox.html_sandbox(locale)).__name__})")
    return 0 if ratio <= PROMISE else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
