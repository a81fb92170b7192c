"""Every problem of a project's templates, found before anything is sent."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import NamedTuple

from cs_engine.content import questions, slack, source, variables
from cs_engine.content.compose import composed
from cs_engine.content.library import FOLDER, Kind, Library
from cs_engine.content.lint import lint
from cs_engine.content.source import Source
from cs_engine.content.spans import reads_of
from cs_engine.language import yaml
from cs_engine.language.expression import EVENT, Grain
from cs_engine.language.problems import Level, Place, Problem, Problems, did_you_mean

Known = Callable[[Grain], Collection[str]]
Named = Sequence[tuple[str, Place]]
"""Names a template reads, and where each stands."""


class NoAnswer(NamedTuple):
    """Why an answer cannot be read."""

    code: str
    message: str
    mend: str


Unanswered = Callable[[str, str], NoAnswer | None]
"""(answer, kickoff.date) -> what is wrong with it; None when it may have been answered."""


class TemplateUse(NamedTuple):
    """A step that sends a template."""

    name: str
    kind: Kind
    grain: Grain
    """What the playbook is about."""
    place: Place
    milestone: bool = False
    """Whether it is sent about a milestone, of which it may say what it is."""
    word: bool = False
    """Whether it is the CTA about a milestone that a customer does not confirm."""
    vars: Collection[str] | None = None
    """Names of the playbook's `vars`; None: not checked."""
    asks: bool = False
    """Whether the step asks something, by links in its mail."""
    event: Collection[str] = ()
    """Columns of the event that its passages begin with."""
    unanswered: Unanswered | None = None
    """Why nothing can have been answered to what a template asks there; None: not checked."""


UNUSED = "T314"
"""The code of a template that nobody uses."""


def check(library: Library, uses: Sequence[TemplateUse], known: Known, locales: Sequence[str], *, all_used: bool = True) -> list[Problem]:
    """Problems of the templates in use; of one that nobody uses that it is so. `all_used`: whether all uses are known; where they are
    not, every template is read as one in use.

    `known` gives the columns of facts by grain, as authors write them. `locales` are those that people of the project
    have: a mail without a file in one of them is an error.
    """
    problems = Problems()
    written = frozenset(locale for name in library.names("email") for _, locale in library.variants("email", name))
    checking = _Checking(library, known, problems, written)
    by_template: dict[tuple[Kind, str], list[TemplateUse]] = defaultdict(list)
    for use in uses:
        by_template[use.kind, use.name].append(use)
    for (kind, name), its_uses in by_template.items():
        checking.there(kind, name, its_uses, locales)
    for kind in FOLDER:
        for name in library.names(kind):
            by_template.setdefault((kind, name), [])
    for (kind, name), its_uses in by_template.items():
        if its_uses or not all_used:
            checking.read(kind, name, its_uses)
        else:
            inside = Problems()
            replace(checking, problems=inside).read(kind, name, its_uses)
            checking.unused(kind, name, len(inside.errors()))
    return list(problems)


@dataclass(frozen=True, slots=True)
class _Checking:
    library: Library
    known: Known
    problems: Problems
    written: frozenset[str]
    """The locales that any mail of the project is written in."""

    def there(self, kind: Kind, name: str, uses: Sequence[TemplateUse], locales: Sequence[str]) -> None:
        """T301: no such template; T302: none in a locale that people have."""
        place = min(use.place for use in uses)
        file = self.library.file(kind, name, "")
        if not list(self.library.variants(kind, name)):
            mend = did_you_mean(name, self.library.names(kind)) or (f"write {file}" if file else "a template lies inside the project")
            self.problems.add(place, "T301", f'there is no template "{name}"', mend)
            return
        own = self.library.default_locale
        needed = {own, *(_language(locale, own) for locale in locales if kind == "email")}
        for locale in sorted(needed | (self.written if kind == "email" else set())):
            if self.library.find(kind, name, locale) is None:
                level = Level.ERROR if locale in needed else Level.WARNING
                why = "" if locale in needed else ", as other mails are"
                mend = f"write {file if locale == own else self.library.file(kind, name, locale)}"
                self.problems.add(place, "T302", f'the template "{name}" is not written in {locale}{why}', mend, level)

    def read(self, kind: Kind, name: str, uses: Sequence[TemplateUse]) -> None:
        """What is wrong in its files."""
        for file, locale in self.library.variants(kind, name):
            if kind == "email":
                self.email(name, file, locale, uses)
            else:
                self.slack(name, file, locale, uses)

    def unused(self, kind: Kind, name: str, errors: int) -> None:
        """T314, once: whoever uses it is told what is wrong with it."""
        file = min(file for file, _ in self.library.variants(kind, name))
        also = f", and it has {errors} error{'s' if errors > 1 else ''}" if errors else ""
        self.problems.warn(Place(file), UNUSED, f"no playbook uses this template{also}", "use it, or delete its files" if also else "")

    # --- one file ------------------------------------------------------------------------------------------------------

    def email(self, name: str, file: str, locale: str, uses: Sequence[TemplateUse]) -> None:
        inside = Problems()
        parsed = source.parse(file, self.library.text(file, inside), inside)
        layout = self.library.layout(locale, self.problems)
        read = _named(parsed)
        if not any(problem.code == "T303" for problem in self._jinja(parsed)):
            lint(parsed, locale, inside)
        if layout is not None:
            composed(locale, parsed, layout, inside)
        self.problems.extend(inside)
        self._translation(name, parsed, locale)
        self._names(read, uses, "email")
        asking = next((use for use in uses if use.asks), None)
        if asking is not None and not any(found == questions.NAME for found, _ in read):
            said = f"the step at {asking.place.file}:{asking.place.line} asks, and this mail does not show what"
            self.problems.add(Place(file), "T319", said, "write {{ questions }} where they should stand")

    def _jinja(self, parsed: Source) -> Problems:
        found = Problems()
        for span in (*parsed.fields.values(), parsed.body):
            reads_of(span, found)
        return found

    def slack(self, name: str, file: str, locale: str, uses: Sequence[TemplateUse]) -> None:
        inside = Problems()
        text = self.library.text(file, inside)
        slack.compiled(name, locale, file, text, inside)
        self.problems.extend(inside)
        document = yaml.parse(text, file, Problems())
        if document is not None:
            self._names(slack.named(document.data, document), uses, "slack")

    def _translation(self, name: str, parsed: Source, locale: str) -> None:
        """T310: older than its source; T311: does not say which source it was made from."""
        mark = parsed.fields.get("source")
        if locale == self.library.default_locale:
            if mark is not None:
                self.problems.warn(mark.place(0, len(mark.text)), "T311", "only a translation says its source", "leave the line out")
            return
        original = self.library.find("email", name, self.library.default_locale)
        if original is None:
            return
        digest = source.source_digest(self.library.text(original[0], Problems()))
        if mark is None:
            place = Place(parsed.file, 1, 1, 3)
            self.problems.warn(place, "T311", "the translation does not say its source", f'write "source: {digest}" once it is up to date')
        elif mark.text != digest:
            message = f"{original[0]} has changed since this translation"
            self.problems.warn(mark.place(0, len(mark.text)), "T310", message, f'bring it up to date, then write "source: {digest}"')

    # --- names ---------------------------------------------------------------------------------------------------------

    def _names(self, read: Named, uses: Sequence[TemplateUse], kind: Kind) -> None:
        """T304: a name that is nowhere; X219, P122: an answer that nobody can have given."""
        self._answers([(name, place) for name, place in read if variables.is_asked(name)], uses)
        read = [(name, place) for name, place in read if not variables.is_asked(name)]
        for allowed, use in self._allowed(uses, kind):
            for name, place in read:
                if name in allowed or (name.startswith("vars.") and (use is None or use.vars is None)):
                    continue
                where = f" ({use.place.file} sends it about {'an account' if use.grain is Grain.ACCOUNT else 'a contact'})" if use else ""
                self.problems.add(place, "T304", f'unknown variable "{name}"{where}', _mend(name, allowed))

    def _answers(self, read: Named, uses: Sequence[TemplateUse]) -> None:
        for name, place in read:
            asked, _, said = name.partition(":")
            for use in uses:
                fault = use.unanswered(asked, said) if use.unanswered is not None else None
                if fault is not None:
                    sent = f" ({use.place.file}:{use.place.line} sends it)"
                    self.problems.add(place, fault.code, f"{fault.message}{sent}", fault.mend)

    def _allowed(self, uses: Sequence[TemplateUse], kind: Kind) -> Iterable[tuple[set[str], TemplateUse | None]]:
        """The names that each kind of use knows."""
        ours = set(variables.ENGINE) | (variables.ENGINE_MAIL if kind == "email" else set())
        seen: dict[tuple[object, ...], tuple[set[str], TemplateUse | None]] = {}
        for use in uses:
            key = (use.grain, use.milestone, use.word, use.asks, None if use.vars is None else tuple(sorted(use.vars)), tuple(use.event))
            if key in seen:
                continue
            about = variables.ENGINE_MILESTONE if use.milestone else variables.ENGINE_CTA if kind == "slack" else frozenset()
            about |= variables.ENGINE_MILESTONE | variables.ENGINE_WORD if use.word else frozenset()
            mine = {f"vars.{name}" for name in use.vars or ()} | {f"{EVENT}{name}" for name in use.event}
            mine |= variables.ENGINE_ASKING if use.asks and kind == "email" else set()
            seen[key] = (ours | about | mine | self._facts(use.grain, kind), use)
        if not seen:
            everything = set().union(*(self._facts(grain, kind) for grain in Grain))
            asking = variables.ENGINE_ASKING if kind == "email" else frozenset()
            seen[()] = (ours | variables.ENGINE_MILESTONE | variables.ENGINE_WORD | variables.ENGINE_CTA | asking | everything, None)
        return seen.values()

    def _facts(self, grain: Grain, kind: Kind) -> set[str]:
        """The subject's columns; in a mail the recipient's too."""
        found = set(self.known(grain))
        if kind == "email" and grain is Grain.ACCOUNT:
            found |= {name for name in self.known(Grain.CONTACT) if name.startswith("contact.")}
        return found


def _language(locale: str, own: str) -> str:
    """What a file would be written in: the project's own locale, or the language, which serves ja-JP too."""
    return locale if locale == own else locale.replace("_", "-").partition("-")[0].lower()


def _named(parsed: Source) -> Named:
    """The names that the mail reads, its layout's aside."""
    found: list[tuple[str, Place]] = []
    for span in (*(parsed.fields[key] for key in ("subject", "preheader") if key in parsed.fields), parsed.body):
        # What is no Jinja reads nothing that could be told.
        needs = reads_of(span, Problems()).needs
        if needs:
            found += [(name, place) for name, place in variables.places(span) if name in needs]
    return found


_MENDS: Mapping[str, str] = {
    "cta": "only a CTA has one",
    "questions": "the step that sends it asks nothing: give it `ask: {…}`",
    "event": "only passages that begin with an event have one: `enter: {event: …}`",
    "milestone": 'only a milestone notice has one, and the CTA of a "not yet"',
    "vars": "name it in the playbook: `vars: {…}`",
    "contact": "a Slack message about an account has no contact; its champion is `champion.name`",
}


def _mend(name: str, allowed: Collection[str]) -> str:
    group, dot, _ = name.partition(".")
    if name == questions.NAME:
        return _MENDS[name]
    if dot and not any(known.startswith(f"{group}.") for known in allowed) and group in _MENDS:
        return _MENDS[group]
    # Of `acount.name` the group alone is known to be wrong: it is compared with groups and bare names.
    known = allowed if dot else {known.partition(".")[0] for known in allowed}
    return did_you_mean(name, known) or (f"known are {_some(group, allowed)}" if dot else "")


def _some(group: str, allowed: Collection[str]) -> str:
    inside = sorted(known for known in allowed if known.startswith(f"{group}."))
    return ", ".join(inside[:8]) + (" …" if len(inside) > 8 else "") if inside else "none: see the reference of names"
