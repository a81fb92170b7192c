"""All templates of a project: found by name and locale, compiled once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path, PurePosixPath
from typing import Literal

from cs_engine.content import layout as layouts
from cs_engine.content import mail, slack, source
from cs_engine.content.failures import BrokenTemplate
from cs_engine.content.layout import Layout
from cs_engine.content.mail import EmailTemplate
from cs_engine.content.slack import SlackTemplate
from cs_engine.content.source import Span
from cs_engine.language.problems import Place, Problems

Kind = Literal["email", "slack"]
SUFFIX: dict[Kind, str] = {"email": ".md", "slack": ".yaml"}
FOLDER: dict[Kind, str] = {"email": "templates/email", "slack": "templates/slack"}
LAYOUT = "layout"


class Library:
    """The templates of one project. Pickles as its folder: another process compiles its own."""

    def __init__(self, root: Path, default_locale: str) -> None:
        self.root = root
        self.default_locale = default_locale
        self._emails: dict[tuple[str, str], EmailTemplate | None] = {}
        self._slacks: dict[tuple[str, str], SlackTemplate | None] = {}
        self._layouts: dict[str, Layout] = {}
        self._found: dict[tuple[Kind, str, str], tuple[str, str] | None] = {}

    def __reduce__(self) -> tuple[type[Library], tuple[Path, str]]:
        return Library, (self.root, self.default_locale)

    def email(self, name: str, locale: str) -> EmailTemplate | None:
        """The mail in that locale (ja-JP takes ja), or None when there is no file of it: never another language.

        Raises BrokenTemplate when it, or the layout, has errors.
        """
        key = (name, locale)
        if key not in self._emails:
            found = self.find("email", name, locale)
            self._emails[key] = None if found is None else self._compiled_email(name, *found)
        return self._emails[key]

    def slack(self, name: str, locale: str) -> SlackTemplate | None:
        """The Slack message in that locale, or None. Raises BrokenTemplate when it has errors."""
        key = (name, locale)
        if key not in self._slacks:
            found = self.find("slack", name, locale)
            self._slacks[key] = None if found is None else self._compiled_slack(name, *found)
        return self._slacks[key]

    def _compiled_email(self, name: str, file: str, locale: str) -> EmailTemplate:
        problems = Problems()
        parsed = source.parse(file, self.text(file, problems), problems)
        layout = self.layout(locale, problems)
        if layout is None or problems.errors():
            raise BrokenTemplate(name, problems.errors())
        return mail.compiled(name, locale, parsed, layout, problems)

    def _compiled_slack(self, name: str, file: str, locale: str) -> SlackTemplate:
        problems = Problems()
        found = slack.compiled(name, locale, file, self.text(file, problems), problems)
        if found is None:
            raise BrokenTemplate(name, problems.errors())
        return found

    def layout(self, locale: str, problems: Problems) -> Layout | None:
        """The layout for a locale; None, with the problems, when it cannot be used."""
        if locale not in self._layouts:
            spans = [self._layout_file(locale, suffix, problems) for suffix in (".mjml", ".txt")]
            if spans[0] is None or spans[1] is None:
                return None
            found = layouts.load(spans[0], spans[1], problems)
            if found is None:
                return None
            self._layouts[locale] = found
        return self._layouts[locale]

    def _layout_file(self, locale: str, suffix: str, problems: Problems) -> Span | None:
        folder = FOLDER["email"]
        for file in (f"{folder}/{LAYOUT}.{locale}{suffix}", f"{folder}/{LAYOUT}{suffix}"):
            if (self.root / file).is_file():
                return Span(self.text(file, problems), file)
        problems.add(
            Place(f"{folder}/{LAYOUT}{suffix}"), "T320", "the mails' layout is missing", "copy it from a new project (cs-engine init)"
        )
        return None

    # --- files -------------------------------------------------------------------------------------------------------

    def find(self, kind: Kind, name: str, locale: str) -> tuple[str, str] | None:
        """(file, its locale) of a template, or None. The project's own locale has no suffix."""
        key = (kind, name, locale)
        if key not in self._found:
            self._found[key] = self._look(kind, name, locale)
        return self._found[key]

    def _look(self, kind: Kind, name: str, locale: str) -> tuple[str, str] | None:
        for wanted in self._locales(locale):
            own = wanted in self._locales(self.default_locale)
            file = self.file(kind, name, "" if own else wanted)
            if file is not None and (self.root / file).is_file():
                return file, self.default_locale if own else wanted
        return None

    def _locales(self, locale: str) -> list[str]:
        """The locale as written and its language alone: ja-JP, ja."""
        exact = locale.replace("_", "-") or self.default_locale
        language = exact.partition("-")[0].lower()
        return [exact] if exact == language else [exact, language]

    def file(self, kind: Kind, name: str, locale: str) -> str | None:
        """Where a template of that name lies, relative to the project; None for a name that leads out of it.

        A name lies below templates/<kind>/; one that begins with ./ is a path of the project.
        """
        bare = name.removeprefix("./")
        path = PurePosixPath(bare if bare != name else f"{FOLDER[kind]}/{bare}")
        if path.is_absolute() or ".." in path.parts or not bare or "\\" in bare or "\x00" in bare:
            return None
        suffix = SUFFIX[kind]
        return f"{path}.{locale}{suffix}" if locale else f"{path}{suffix}"

    def text(self, file: str, problems: Problems) -> str:
        """A file's text; a file that is no UTF-8 is a problem and ''."""
        try:
            return source.read(self.root / file)
        except UnicodeDecodeError as error:
            problems.add(Place(file), "T300", f"not UTF-8 (byte {error.start})", "save it as UTF-8")
        except OSError as error:
            problems.add(Place(file), "T300", f"cannot be read: {error.strerror}")
        return ""

    def names(self, kind: Kind) -> list[str]:
        """Every name below templates/<kind>/ that has a file in any locale, the layout left out."""
        folder = self.root / FOLDER[kind]
        found = {self._name(path.relative_to(folder).as_posix(), kind) for path in folder.rglob(f"*{SUFFIX[kind]}")}
        return sorted(found - {LAYOUT})

    def variants(self, kind: Kind, name: str) -> Iterator[tuple[str, str]]:
        """(file, locale) of every locale of a template."""
        own = self.file(kind, name, "")
        if own is None:
            return
        path = self.root / own
        stem = path.name.removesuffix(SUFFIX[kind])
        for found in sorted(path.parent.glob(f"{stem}*{SUFFIX[kind]}")):
            rest = found.name[len(stem) : -len(SUFFIX[kind])]
            if rest == "" or (rest.startswith(".") and "." not in rest[1:]):
                yield found.relative_to(self.root).as_posix(), rest.removeprefix(".") or self.default_locale

    @staticmethod
    def _name(path: str, kind: Kind) -> str:
        folder, slash, file = path.rpartition("/")
        return f"{folder}{slash}{file.removesuffix(SUFFIX[kind]).partition('.')[0]}"
