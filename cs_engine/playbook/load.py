"""A project folder -> a checked `Project`: every problem of every file in one pass."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

from cs_engine.errors import ProblemsFound
from cs_engine.language import expressions
from cs_engine.language.expression import Expression, Grain
from cs_engine.language.problems import Place, Problem, Problems, did_you_mean
from cs_engine.playbook import alerts, company, salvage
from cs_engine.playbook.between import Found, check_claims, check_enrols
from cs_engine.playbook.bundle import broken_names, bundle_of
from cs_engine.playbook.calendars import SHIPPED, Calendars
from cs_engine.playbook.checks import ALWAYS_TOPICS, Known, check_blanks, check_ends, check_names, check_waits, raw_steps
from cs_engine.playbook.compile import compile_playbook
from cs_engine.playbook.config import PeopleConfig, Persistence, ProjectConfig, Team
from cs_engine.playbook.files import Metrics, Segments
from cs_engine.playbook.folder import FOLDER, SIBLINGS, Folder
from cs_engine.playbook.implied import (
    LOST_PLAYBOOK,
    ONE_PERSON,
    ONE_PERSON_PLAYBOOK,
    PREFIX,
    UNCONFIRMED,
    compile_implied,
    compile_own,
    lost_source,
    one_person_source,
    source,
    unconfirmed_source,
)
from cs_engine.playbook.law import check_law
from cs_engine.playbook.people import Directory
from cs_engine.playbook.plan import TRANSACTIONAL, Plan
from cs_engine.playbook.project import Project, definitions_of
from cs_engine.playbook.reader import Surroundings
from cs_engine.playbook.sending import check_sending
from cs_engine.playbook.shape import read, shown
from cs_engine.playbook.stored import with_stored
from cs_engine.playbook.templates import Templates
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import Catalogue, build
from cs_engine.usage.health import BAND, SCORE
from cs_engine.usage.likely import FOLDER as MODELS
from cs_engine.usage.likely import Model
from cs_engine.usage.model import HealthSpec, JourneySpec, MilestoneSpec, SegmentSpec
from cs_engine.usage.section import Section


def load(root: Path, attributes: Attributes | None) -> Project:
    """The project at `root`, checked against the columns that its sources have; None: project.yaml does not say where they are.

    A playbook with errors is left out of `plans` and does not stop the others. Raises NotAProject where there is none, and
    ProblemsFound, with the problems of all files, where a file that all playbooks hang on cannot be read.
    """
    return _Loader(root).load(attributes)


def load_config(root: Path) -> ProjectConfig:
    """project.yaml alone: what must be known to look at the sources. Raises NotAProject, ProblemsFound."""
    files = Folder(root)
    config = files.shaped("project", ProjectConfig)
    if config is None:
        raise ProblemsFound(list(files.problems), files.texts)
    return config


def load_sources(root: Path) -> ProjectConfig | None:
    """A configuration that reads the sources as project.yaml says, whatever else in it is wrong; None where its `sources` are."""
    document = Folder(root).document(root / FOLDER / "project.yaml")
    if document is None:
        return None
    zone = document.data.get("timezone")
    return read(
        replace(
            document,
            data={
                "name": "unread",
                "company": {"name": "unread"},
                "sender": {"fallback": "unread"},
                "sources": document.data.get("sources"),
                "timezone": zone if isinstance(zone, str) and company.is_zone(zone) else "UTC",
            },
        ),
        ProjectConfig,
        Problems(),
        "project.yaml",
    )


class _Loader:
    """One pass over a project."""

    def __init__(self, root: Path) -> None:
        self.root = root.resolve()
        self.files = Folder(self.root)
        self.problems = self.files.problems
        self.unreadable: list[str] = []

    def load(self, attributes: Attributes | None) -> Project:
        files = self.files
        config = files.shaped("project", ProjectConfig)
        team, _ = files.sound("team", Team, Team(), salvage.STAFF)
        metrics, unread = files.sound("metrics", Metrics, Metrics(), salvage.METRICS)
        raw_segments, unread_segments = files.sound("segments", Segments, Segments(), salvage.SEGMENTS)
        journey, unread_milestones = files.sound("journey", JourneySpec, JourneySpec(), salvage.MILESTONES)
        health = self._health()
        playbooks = list(self._playbooks())
        templates = Templates.of(self.root)
        self._check_company(config, team, journey, templates)
        known = self._known(templates, journey, config)
        for found in playbooks:
            check_names(found.document, found.document.file, known, self.problems)
        if attributes is None or team is None or metrics is None or raw_segments is None or journey is None:
            self._check_shapes(playbooks)
            check_claims(playbooks, self.problems)
            raise ProblemsFound(list(self.problems), files.texts)
        segments = {name: SegmentSpec(when=spec) if isinstance(spec, str) else spec for name, spec in raw_segments.items()}
        places = {name: Section(file, files.documents.get(file)) for name in SIBLINGS for file in [f"{FOLDER}/{name}.yaml"]}
        attributes = with_stored(attributes, [found.document for found in playbooks], self.problems)
        calendars = self._calendars(config)
        models, unread_models = self._models()
        unread += [*unread_segments, *unread_models, *unread_milestones, *([SCORE, BAND] if files.faulty(f"{FOLDER}/health.yaml") else [])]
        catalogue = build(metrics, segments, journey, health, attributes, places, self.problems, calendars, frozenset(unread), models)
        around = Surroundings(
            Directory.of(team),
            catalogue.scope,
            definitions_of(segments, journey),
            attributes.events,
            in_place=attributes.in_place,
            seen=attributes.seen,
            counts=catalogue.counts,
        )
        for found in playbooks:
            self._compile(found, around, attributes)
        check_claims(playbooks, self.problems)
        check_enrols(playbooks, self.problems)
        playbooks += self._implied(playbooks, journey, around, catalogue)
        if config is not None and config.persistence is not None:
            playbooks += self._persistence(config.persistence, around, templates)
        if config is not None and config.people.distinct:
            playbooks += self._distinct(config.people, around, templates)
        people = self._people(config, catalogue)
        if config is None or files.faulty(f"{FOLDER}/team.yaml"):
            # Who gets what depends on them: nothing may run.
            raise ProblemsFound(list(self.problems), files.texts)
        holds = self._holds(config, catalogue)
        plans, bundles, broken = self._sorted(playbooks, catalogue)
        return Project(
            root=self.root,
            config=config,
            team=team,
            metrics=metrics,
            segments=segments,
            journey=journey,
            health=health,
            attributes=attributes,
            catalogue=catalogue,
            people=people,
            holds=holds,
            lost_when=self._lost_when(config, catalogue),
            plans=plans,
            bundles=bundles,
            broken=broken,
            problems=self.problems,
            sources=files.texts,
            alike=self._alike(journey, catalogue),
        )

    def _alike(self, journey: JourneySpec, catalogue: Catalogue) -> Expression | None:
        text = journey.alike or ("account.plan" if "plan" in catalogue.attributes.account else None)
        if text is None:
            return None
        document = self.files.documents.get(f"{FOLDER}/journey.yaml")
        section = Section(f"{FOLDER}/journey.yaml", document)
        return expressions.compile_scalar(text, section.text("alike"), catalogue.scope(Grain.ACCOUNT), self.problems)

    def _health(self) -> HealthSpec | None:
        """How health is scored; None where nobody said."""
        return self.files.shaped("health", HealthSpec) if (self.root / FOLDER / "health.yaml").exists() else None

    def _models(self) -> tuple[dict[str, tuple[Model, Section]], list[str]]:
        """What `cs-engine predict` has learned, by metric; and the metrics whose file cannot be read."""
        found: dict[str, tuple[Model, Section]] = {}
        wrong = []
        folder = self.root / FOLDER / MODELS
        for path in sorted([*folder.rglob("*.yaml"), *folder.rglob("*.yml")]):
            if path.parent != folder or path.suffix != ".yaml":
                place, message = Place(path.relative_to(self.root).as_posix()), f"only {FOLDER}/{MODELS}/<metric>.yaml is read here"
                self.problems.warn(place, "P304", message, "a playbook lies in another folder")
                continue
            document = self.files.document(path)
            model = None if document is None else read(document, Model, self.problems, document.file)
            if document is None or model is None:
                wrong.append(path.stem)
            else:
                found[path.stem] = (model, Section(document.file, document))
        return found, wrong

    def _playbooks(self) -> Iterator[Found]:
        """Files with the key `playbook`, or that were meant to have it."""
        for path in self.files.playbooks():
            document = self.files.document(path)
            if document is None:
                self.unreadable.append(path.relative_to(self.root).as_posix())
                continue
            data = document.data
            if "playbook" in data or "steps" in data or any(did_you_mean(key, ["playbook"]) for key in data):
                own = data.get("playbook")
                yield Found(document, own if isinstance(own, str) else document.file)
            elif "blocks" not in data:
                self.problems.warn(
                    Place(document.file), "P304", "not a playbook, so it is not read", "a playbook begins with `playbook: its-id`"
                )

    def _check_shapes(self, playbooks: list[Found]) -> None:
        """All that can be said of playbooks when what they hang on is not known."""
        from cs_engine.playbook.model import PlaybookSpec

        for found in playbooks:
            read(found.document, PlaybookSpec, self.problems, "a playbook")
            check_waits(found.document, self.problems)
            check_ends(found.document, self.problems)

    def _check_company(self, config: ProjectConfig | None, team: Team | None, journey: JourneySpec | None, templates: Templates) -> None:
        """What can be said of those of the files that can be read; None: one has the wrong shape."""
        documents, problems = self.files.documents, self.problems
        if (document := documents.get(f"{FOLDER}/project.yaml")) is not None:
            company.check_project(document, team, problems)
            if config is not None:
                check_sending(config, document, problems)
                check_law(config, document, problems)
                company.check_webhooks(config, document, problems)
                alerts.check_alerts(config, document, problems)
        if (document := documents.get(f"{FOLDER}/team.yaml")) is not None:
            company.check_zones(document, problems)
            if team is not None:
                company.check_team(team, document, problems)
                alerts.check_locales(team, document, problems)
                if config is not None:
                    alerts.check_budgets(config, team, document, problems)
        if (document := documents.get(f"{FOLDER}/journey.yaml")) is not None and journey is not None:
            company.check_journey(journey, templates, document, problems)

    def _calendars(self, config: ProjectConfig | None) -> tuple[str, ...]:
        """The calendars that conditions may name, as they stand in project.yaml, even where something else in it is wrong."""
        if config is not None:
            return tuple(Calendars.of(config).specs)
        document = self.files.documents.get(f"{FOLDER}/project.yaml")
        given = None if document is None else document.data.get("calendars")
        return tuple(dict.fromkeys([*SHIPPED, *(given if isinstance(given, dict) else ())]))

    def _known(self, templates: Templates, journey: JourneySpec | None, config: ProjectConfig | None) -> Known:
        """What playbooks may refer to; topics as they stand in project.yaml, even where something else in it is wrong."""
        document = self.files.documents.get(f"{FOLDER}/project.yaml")
        topics = None if document is None else document.data.get("topics")
        known_topics = tuple(topics) if isinstance(topics, dict) else ()
        webhooks = None if config is None else config.webhooks
        if journey is None:
            return Known(templates, known_topics, None, None, webhooks)
        return Known(templates, known_topics, tuple(phase.phase for phase in journey.phases), journey.milestones(), webhooks)

    def _people(self, config: ProjectConfig | None, catalogue: Catalogue) -> dict[str, Expression]:
        """Who is champion and who operates: conditions over contacts, as project.yaml has them even where its shape is wrong."""
        document = self.files.documents.get(f"{FOLDER}/project.yaml")
        if document is None:
            return {}
        given = document.data.get("people") if config is None else config.people.model_dump()
        found = {}
        for role in ("champion", "operators"):
            path = ("people", role)
            text = given.get(role) if isinstance(given, dict) else None
            if not isinstance(text, str):
                continue

            def place(offset: int, length: int, path: tuple[str, str] = path) -> Place:
                return document.within(path, offset, length)

            problems = Problems()
            condition = expressions.compile_condition(text, place, catalogue.people_scope(), problems)
            # Nobody need have an operator: what nobody wrote is not doubted.
            written = document.data.get("people")
            self.problems.extend(problems if isinstance(written, dict) and role in written else problems.errors())
            if condition is not None:
                found[role] = condition
        return found

    def _holds(self, config: ProjectConfig, catalogue: Catalogue) -> dict[str, Expression]:
        """What holds mail, by topic; '' for all."""
        document = self.files.documents[f"{FOLDER}/project.yaml"]
        known = (*config.topics, *ALWAYS_TOPICS)
        given = [("", ("hold", "all"), config.hold.all), *((t, ("hold", "topics", t), text) for t, text in config.hold.topics.items())]
        found = {}
        for topic, path, text in given:
            if topic and config.topics and topic not in known:
                mend = did_you_mean(topic, known) or "topics of project.yaml: " + ", ".join(config.topics)
                self.problems.add(document.key_place(path), "P201", f"there is no topic {shown(topic)}", mend)
            elif topic == TRANSACTIONAL:
                self.problems.add(document.key_place(path), "P116", "transactional mail is never held", "leave it out")
            elif text is not None:
                place = partial(document.within, path)
                condition = expressions.compile_condition(text, place, catalogue.scope(Grain.ACCOUNT), self.problems)
                if condition is not None:
                    found[topic] = condition
        return found

    def _lost_when(self, config: ProjectConfig, catalogue: Catalogue) -> Expression | None:
        """Whom our persistence has lost."""
        if config.persistence is None:
            return None
        place = partial(self.files.documents[f"{FOLDER}/project.yaml"].within, ("persistence", "lost_when"))
        return expressions.compile_condition(config.persistence.lost_when, place, catalogue.scope(Grain.CONTACT), self.problems)

    def _persistence(self, rule: Persistence, around: Surroundings, templates: Templates) -> list[Found]:
        """The playbook that tells the CSM. A rule that is wrong has been reported, or is by `_lost_when`."""
        file = f"{FOLDER}/project.yaml"
        place = self.files.documents[file].place(("persistence", "cta"))
        if (missing := templates.find("slack", rule.cta, file)) is not None:
            self.problems.add(place, "P203", f"there is no Slack template {shown(rule.cta)}", missing)
            return []
        made = compile_own(lost_source(rule), file, place, around)
        return [] if made is None else [Found(made[0], LOST_PLAYBOOK, made[1])]

    def _distinct(self, people: PeopleConfig, around: Surroundings, templates: Templates) -> list[Found]:
        """The playbook that tells the CSM whose champion and operator are one person."""
        file = f"{FOLDER}/project.yaml"
        place = self.files.documents[file].place(("people", "distinct"))
        if set(people.distinct) != {"champion", "operators"}:
            self.problems.add(place, "P231", "two roles are one person or two", "write `distinct: [champion, operators]`")
            return []
        if "".join(people.champion.split()).lower() == "".join(people.operators.split()).lower():
            message = "champion and operators have the same condition: they are never two people"
            self.problems.add(place, "P231", message, "say in `people` who is which")
            return []
        if (missing := templates.find("slack", ONE_PERSON, file)) is not None:
            self.problems.add(place, "P203", f"there is no Slack template {shown(ONE_PERSON)}", missing)
            return []
        made = compile_own(one_person_source(people), file, place, around)
        return [] if made is None else [Found(made[0], ONE_PERSON_PLAYBOOK, made[1])]

    def _compile(self, found: Found, around: Surroundings, attributes: Attributes) -> None:
        document, problems = found.document, self.problems
        compiled = compile_playbook(document, around, problems)
        if compiled is not None:
            check_blanks(document, compiled.texts, attributes.blanks, problems)
        if not self.files.faulty(document.file):
            found.compiled = compiled

    def _implied(self, playbooks: list[Found], journey: JourneySpec, around: Surroundings, catalogue: Catalogue) -> list[Found]:
        """The notices of journey.yaml that no playbook sends, not even a broken one: mended, it would send a second; and what tells of
        those that customers do not confirm.
        """
        file = f"{FOLDER}/journey.yaml"
        told = {step.get("notice") for found in playbooks for _, step in raw_steps(found.document.data)}
        implied = []
        for number, phase in enumerate(journey.phases):
            for index, milestone in enumerate(phase.milestones):
                if milestone.told_by is None or f"reached:{milestone.id}" in catalogue.broken:
                    continue
                here = ("phases", number, "milestones", index)
                for id, text, place in self._written(milestone, phase.phase, here, told=milestone.id in told):
                    made = compile_implied(text, file, place, around, self.problems)
                    if made is not None and not any(p.place == place for p in self.problems.errors()):
                        implied.append(Found(made[0], id, made[1]))
        taken = {found.id for found in implied}
        for found in playbooks:
            if found.id in taken:
                message = f'"{found.id}" is the playbook of a milestone of journey.yaml that customers confirm'
                self.problems.add(found.document.place(("playbook",)), "P108", message, "choose another id")
                found.compiled = None
        return implied

    def _written(
        self, milestone: MilestoneSpec, phase: str, here: tuple[str | int, ...], *, told: bool
    ) -> Iterator[tuple[str, str, Place]]:
        """The milestone's own playbooks: id, source, and where what is wrong with it stands. `told`: a playbook has its notice."""
        document = self.files.documents[f"{FOLDER}/journey.yaml"]
        if not told:
            place = document.place((*here, "notice")) if milestone.notice is not None else document.key_place((*here, "confirm"))
            yield PREFIX + milestone.id, source(milestone, phase), place
        if milestone.confirm:
            yield UNCONFIRMED + milestone.id, unconfirmed_source(milestone, phase), document.key_place((*here, "confirm"))

    def _sorted(
        self, playbooks: list[Found], catalogue: Catalogue
    ) -> tuple[dict[str, Plan], dict[str, str], dict[str, tuple[Problem, ...]]]:
        """Those that can run, with their bundles, and those that cannot."""
        plans: dict[str, Plan] = {}
        bundles: dict[str, str] = {}
        errors = self.problems.errors()
        broken = {file: tuple(p for p in errors if p.place.file == file) for file in self.unreadable}
        for found in playbooks:
            compiled = found.compiled
            if compiled is None or broken_names(compiled.plan, catalogue.broken):
                own = [p for p in errors if p.place.file == found.document.file]
                broken[found.id] = (*broken.get(found.id, ()), *own)
            else:
                plans[found.id] = compiled.plan
                bundles[compiled.plan.digest] = bundle_of(found.document, compiled.definitions)
        return plans, bundles, broken
