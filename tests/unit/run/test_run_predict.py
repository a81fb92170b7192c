"""Learning: what is kept is what scikit-learn fitted, nothing is learned of the future, and it says so where the data do not carry it."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import duckdb
import numpy as np
import pytest
from sklearn.metrics import brier_score_loss, roc_auc_score

from cs_engine.language import yaml
from cs_engine.language.expression import Grain, Type
from cs_engine.language.problems import Problems
from cs_engine.playbook.shape import read
from cs_engine.run.predict.file import text_of
from cs_engine.run.predict.fit import bounded, classifier, fit, tree_of
from cs_engine.run.predict.history import History
from cs_engine.run.predict.learn import Learned, learn
from cs_engine.run.predict.proposal import propose
from cs_engine.run.predict.quality import Judged, bands, quality
from cs_engine.run.predict.tree import Floats, Range, Tree, between
from cs_engine.usage.attributes import Attributes
from cs_engine.usage.catalogue import build
from cs_engine.usage.columns import Derived
from cs_engine.usage.likely import Estimate, Leaf, Model, Quality, digest_of
from cs_engine.usage.likely import History as Kept
from cs_engine.usage.model import MetricSpec, WindowMetric
from cs_engine.usage.section import Section

MISSING = -1e30
FACTS = ("alpha", "beta", "gamma")
SOME = Estimate(value=0.7, low=0.6, high=0.8)
QUALITY = Quality(auc=SOME, lift=SOME, calibration=SOME, skill=SOME, base_rate=SOME, rows=10, accounts=5, outcomes=3)
THEN = datetime(2026, 3, 1, tzinfo=UTC)
QUESTION = {"likely": "never > 0", "within": "30 days"}


def model(leaves: tuple[Leaf, ...], weight: float = 0) -> Model:
    history = Kept(since=THEN, until=THEN, every=6, moments=3, accounts=5, rows=10, outcomes=3)
    digest = digest_of("never > 0", "30 days", None, leaves, weight)
    return Model(**QUESTION, digest=digest, weight=weight, history=history, quality=QUALITY, leaves=leaves)


def through_file_and_sql(leaves: tuple[Leaf, ...], facts: Floats, weight: float = 0) -> Floats:
    """Written to its file, read again, compiled with all other definitions, and evaluated by DuckDB."""
    problems = Problems()
    document = yaml.parse(text_of("x", model(leaves, weight)), "playbooks/models/x.yaml", problems)
    assert document is not None
    again = read(document, Model, problems, document.file)
    assert again is not None, [problem.render() for problem in problems]
    metrics: dict[str, MetricSpec] = {name: WindowMetric(count="*") for name in (*FACTS, "never")}
    metrics["x"] = WindowMetric(**QUESTION)
    attributes = Attributes({"id": Type.TEXT}, {}, {"usage": {"account": Type.TEXT, "at": Type.INSTANT}})
    models = {"x": (again, Section(document.file, document))}
    catalogue = build(metrics, {}, None, None, attributes, {}, problems, models=models)
    assert [problem.render() for problem in problems] == []
    origin = catalogue.derived[Grain.ACCOUNT]["x"]
    assert isinstance(origin, Derived)
    db = duckdb.connect()
    columns = {name: np.nan_to_num(facts[:, i], nan=MISSING) for i, name in enumerate(FACTS)}
    db.register("f", {"i": np.arange(len(facts)), "never": np.zeros(len(facts)), **columns})
    shown = ", ".join(f"nullif({name}, {MISSING}) AS {name}" for name in FACTS)
    found = db.execute(f'SELECT {origin.sql} FROM (SELECT i, "never", {shown} FROM f) ORDER BY i').fetchall()
    return np.array([np.nan if value is None else value for (value,) in found], np.float64)


@pytest.mark.parametrize("seed", range(9))
def test_the_metric_is_what_scikit_learn_predicts(seed: int) -> None:
    """The property that makes the file trustworthy: counts, fractions, negatives and blanks, in every row it was learned of, and in new
    rows of whole numbers too.
    """
    chance = np.random.default_rng(seed)
    facts = np.column_stack([chance.integers(0, 30, 400), chance.normal(0, 10.0 ** (seed - 4), 400), chance.integers(-5, 5, 400)]).astype(
        float
    )
    signal = (facts[:, 0] > 12) * 1.5 + (facts[:, 2] > 0) + np.sign(facts[:, 1]) * 0.5
    came = chance.random(400) < 1 / (1 + np.exp(1.5 - signal))
    if seed % 3:
        facts[chance.random(400) < 0.2, seed % 2] = np.nan
    if seed % 3 == 2:
        facts[came & (chance.random(400) < 0.6), 2] = np.nan  # a blank that says something by itself
    fitted = classifier(facts, came, np.arange(400))
    tree = tree_of(fitted, facts, came)
    assert len(tree.leaves) > 1
    wanted = fitted.predict_proba(bounded(facts))[:, 1]
    assert np.allclose(tree.score(facts), wanted, rtol=0, atol=1e-12)
    assert np.allclose(through_file_and_sql(tree.kept(FACTS), facts), wanted, rtol=0, atol=1e-12)
    fresh = facts.copy()
    fresh[:, 0] = np.where(np.isnan(facts[:, 0]), np.nan, chance.integers(0, 30, 400))
    assert np.allclose(through_file_and_sql(tree.kept(FACTS), fresh), tree.score(fresh), rtol=0, atol=1e-12)


def test_a_leaf_of_few_is_drawn_toward_all() -> None:
    """As if the rows of three accounts more had been seen, of which it came as often as of all: in memory, in the file and in SQL. So no
    leaf says never, or always.
    """
    chance = np.random.default_rng(4)
    facts = np.column_stack([chance.integers(0, 30, 400), np.zeros(400), np.zeros(400)]).astype(float)
    came = (facts[:, 0] > 20) | (facts[:, 0] > 12) & (chance.random(400) < 0.3)
    accounts = np.arange(400) // 8
    fitted = classifier(facts, came, accounts)
    of = fitted.tree_.n_node_samples[fitted.apply(bounded(facts))]
    share = fitted.predict_proba(bounded(facts))[:, 1]
    assert {0, 1} <= set(share.tolist())
    wanted = (share * of + 24 * came.mean()) / (of + 24)
    tree = fit(facts, came, accounts)
    assert tree.weight == 24
    assert np.allclose(tree.score(facts), wanted, rtol=0, atol=1e-12)
    assert np.allclose(through_file_and_sql(tree.kept(FACTS), facts, tree.weight), wanted, rtol=0, atol=1e-12)
    assert [leaf.likely for leaf in tree.leaves] == sorted(set(tree.score(facts).tolist()), reverse=True)


def test_a_blank_that_was_never_learned_of_is_not_guessed_at() -> None:
    """Its score is blank, in the file as in memory: no comparison with it is true."""
    facts = np.column_stack([np.arange(400) % 20, np.zeros(400), np.zeros(400)]).astype(float)
    came = facts[:, 0] > 9
    tree = fit(facts, came, np.arange(400))
    asked = np.array([[np.nan, 0, 0], [3, 0, 0], [15, 0, 0]])
    assert tree.score(asked).tolist()[1:] == pytest.approx([1.5 / 203, 201.5 / 203])
    assert np.isnan(tree.score(asked)[0])
    assert np.isnan(through_file_and_sql(tree.kept(FACTS), asked, tree.weight)[0])


@pytest.mark.parametrize(
    ("low", "high", "said"),
    [(13, 14, 13), (13, 20, 16), (0.31, 0.36, 0.33), (-3, -2, -3), (999, 1999, 1000), (0.123456, 0.123457, 0.123456)],
)
def test_limits_are_written_as_people_write_them(low: float, high: float, said: float) -> None:
    assert between(low, high) == said
    assert low <= between(low, high) < high


def test_ways_that_part_at_one_limit_alone_are_told_as_one() -> None:
    tree = Tree.of([
        ((Range(0, low=15), Range(1, high=1)), 9, 10),
        ((Range(0, low=15), Range(1, low=1)), 5, 10),
        ((Range(0, high=15),), 0, 10),
    ])  # fmt: skip
    assert tree.said(tree.leaves[:2], FACTS) == "alpha > 15"
    assert tree.said((tree.leaves[0], tree.leaves[2]), FACTS) == "(alpha > 15 and beta <= 1) or (alpha <= 15)"


# Figures


def some_judged(seed: int = 1) -> Judged:
    chance = np.random.default_rng(seed)
    likely = chance.choice([0.1, 0.3, 0.7], 600)
    return Judged(chance.integers(0, 150, 600), np.zeros(600, np.int64), likely, np.full(600, 0.3), chance.random(600) < likely)


def test_figures_are_those_of_scikit_learn() -> None:
    judged = some_judged()
    found = quality(judged)
    assert found.auc.value == pytest.approx(roc_auc_score(judged.came, judged.likely), abs=1e-4)
    skill = 1 - brier_score_loss(judged.came, judged.likely) / brier_score_loss(judged.came, judged.base)
    assert found.skill.value == pytest.approx(skill, abs=1e-4)
    assert found.base_rate.value == pytest.approx(judged.came.mean(), abs=1e-4)
    assert found.calibration.value == pytest.approx(judged.came.sum() / judged.likely.sum(), abs=1e-4)
    assert found.lift.value == pytest.approx(judged.came[judged.likely == 0.7].mean() / judged.came.mean(), abs=1e-4)
    assert all(one.low < one.value < one.high for one in (found.auc, found.lift, found.skill, found.base_rate, found.calibration))
    assert [band.foretold for band in bands(judged)] == [0.1, 0.3, 0.7]


def test_intervals_are_of_accounts_and_not_of_rows() -> None:
    """Ten times the same rows of the same accounts say nothing new."""
    judged = some_judged()
    tenfold = quality(
        Judged(
            np.tile(judged.account, 10),
            np.tile(judged.moment, 10),
            np.tile(judged.likely, 10),
            np.tile(judged.base, 10),
            np.tile(judged.came, 10),
        )
    )
    once = quality(judged)
    assert (tenfold.auc.low, tenfold.auc.high) == (once.auc.low, once.auc.high)


def test_a_time_at_which_more_leave_says_nothing_of_anybody() -> None:
    """Who is ranked above those of another moment is not ranked at all: two moments, all of the later one held for likelier, rightly."""
    chance, later = np.random.default_rng(2), np.repeat([False, True], 400)
    came = chance.random(800) < np.where(later, 0.6, 0.2)
    judged = Judged(np.arange(800), later.astype(np.int64), np.where(later, 0.6, 0.2), np.full(800, 0.4), came)
    found = quality(judged)
    assert roc_auc_score(came, judged.likely) > 0.65
    assert (found.auc.value, found.auc.low, found.auc.high) == (0.5, 0.5, 0.5)
    assert found.lift.value == pytest.approx(1)


# Learning over time


def history(
    signal: float, *, moments: int = 40, accounts: int = 120, ahead: int = 4, base: float = 0.04, steady: int = 13, seed: int = 3
) -> History:
    """Accounts that have a fact which changes now and then; the outcome lasts for two moments and comes by it, or by chance."""
    chance = np.random.default_rng(seed)
    fact = np.repeat(chance.random((moments // steady + 1, accounts)), steady, axis=0)[:moments]
    starts = chance.random((moments, accounts)) < np.where(fact > 0.7, base + signal, base)
    outcome = starts.copy()
    outcome[1:] |= starts[:-1]
    usable = moments - ahead
    came = np.zeros((usable, accounts), np.bool_)
    for later in range(1, ahead + 1):
        came |= outcome[later : later + usable]
    moment, account = np.nonzero(~outcome[:usable])
    facts = np.column_stack([fact[moment, account], chance.random(len(moment)), chance.integers(0, 9, len(moment))])
    nows = tuple(THEN + timedelta(days=7 * n) for n in range(moments))
    names = tuple(f"a{n}" for n in range(accounts))
    return History(nows, timedelta(days=7), ahead, names, accounts, outcome, facts, moment, account, came[moment, account])


def learned(told: History) -> Learned:
    return learn(told, lambda rows: fit(rows.facts, rows.came, rows.account))


@pytest.fixture(scope="module")
def planted() -> Learned:
    return learned(history(0.4))


def test_what_is_there_is_found(planted: Learned) -> None:
    assert planted.carries
    assert planted.tree is not None
    assert planted.quality is not None
    assert planted.tree.facts()[0] == 0
    assert planted.quality.auc.low > 0.55


def test_nothing_is_learned_of_what_was_not_known_then() -> None:
    """A row's outcome is known `ahead` moments later: what judges a block rests on rows whose time was over when it began."""
    told = history(0.4)
    latest: list[int] = []

    def spied(rows: History) -> Tree:
        latest.append(int(rows.moment.max()) + rows.ahead)
        return fit(rows.facts, rows.came, rows.account)

    found = learn(told, spied)
    assert len(found.blocks) == 5
    assert all(known <= block.first for known, block in zip(latest, found.blocks, strict=False))
    judged = [set(told.moment[block.rows].tolist()) for block in found.blocks]
    assert sum(map(len, judged)) == len(set().union(*judged))


def test_chance_is_not_sold_as_knowledge() -> None:
    found = learned(history(0.0))
    assert not found.carries
    assert found.quality is not None


def test_what_was_true_once_and_is_no_more_does_not_carry() -> None:
    """Learned and judged on the same rows it would look well; judged on what came later it does not."""
    told = history(0.4, seed=5)
    half = len(told.moments) // 3
    turned = told.facts.copy()
    turned[told.moment > half, 0] = np.random.default_rng(1).random(int((told.moment > half).sum()))
    found = learned(replace(told, facts=turned))
    assert not found.carries


def test_too_few_outcomes_are_said_to_be_too_few() -> None:
    found = learned(history(0.0, accounts=40, base=0.004))
    assert found.tree is None
    assert found.why_not[0].startswith("too few outcomes: ")


# The proposal


def test_the_backtest_adds_up(planted: Learned) -> None:
    proposal = propose(planted, "likely_x", FACTS, ZoneInfo("UTC"), unlikely=False)
    assert proposal is not None
    tested = proposal.backtest
    assert proposal.enter.startswith("likely_x > 0.")
    assert proposal.plainly.startswith("alpha > 0.")
    assert sum(month.entered for month in tested.months) == tested.entered > 0
    assert sum(month.right for month in tested.months) == tested.right <= tested.entered
    assert 0 < tested.caught <= tested.came
    assert tested.lead is not None
    assert 7 <= tested.lead[0] <= tested.lead[1] <= tested.lead[2] <= 28
    assert tested.right / tested.entered > planted.history.came.mean()


def test_nobody_enters_again_before_the_time_is_over(planted: Learned) -> None:
    """28 days are four moments: over 20 judged moments nobody enters more than five times."""
    proposal = propose(planted, "likely_x", FACTS, ZoneInfo("UTC"), unlikely=False)
    assert proposal is not None
    judged = planted.blocks[-1].last - planted.blocks[0].first + 1
    assert proposal.backtest.entered <= len(planted.history.accounts) * -(-judged // planted.history.ahead)


def test_the_unlikely_are_the_others() -> None:
    found = learned(history(0.3, base=0.004, steady=40))
    likely, unlikely = (propose(found, "x", FACTS, ZoneInfo("UTC"), unlikely=one) for one in (False, True))
    assert likely is not None
    assert unlikely is not None
    assert unlikely.enter.startswith("x <= 0.")
    assert unlikely.backtest.lead is None
    assert unlikely.backtest.right / unlikely.backtest.entered > 1 - float(found.history.came.mean())


def test_the_file_reads_as_it_was_written(tmp_path: Path) -> None:
    leaves = (Leaf(came=3, of=4, when="alpha > 3 and (beta is null or beta <= 0.5)"), Leaf(came=1, of=9, when="alpha <= 3"))
    problems = Problems()
    document = yaml.parse(text_of("x", model(leaves)), "x.yaml", problems)
    assert document is not None
    assert read(document, Model, problems, "x.yaml") == model(leaves)
