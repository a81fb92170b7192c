"""Conditions: what they mean when they run, and what authors are told when they are wrong."""

from __future__ import annotations

import duckdb
import pytest

from cs_engine.language.expression import Grain, Type
from tests.unit.language.facts_scope import condition, facts, run, scalar
from tests.work import calls


@pytest.mark.parametrize(
    ("text", "first_row"),
    [
        ("account.plan in ('self_serve', 'team')", True),
        ("account.plan not in ('self_serve', 'team')", False),
        ("changes_7d > 3 and not account.churned", True),
        ("changes_7d > 5 or account.churned", False),
        ("not changes_7d > 5 and account.plan = 'team'", True),
        ("account.plan <> 'starter' and account.plan != 'x'", True),
        ("changes_7d between 1 and 5", True),
        ("changes_7d not between 1 and vars.limit", True),
        ("account.plan = vars.plan", True),
        ("account.plan like 't%' and account.plan not ilike 'X%'", True),
        ("account.churned is not true and account.plan is not null", True),
        ("account.plan is distinct from 'x'", True),
        ("days_since(account.signed_up_at) = 10", True),
        ("days_until(account.renewal_at) = 90", True),
        ("account.renewal_at - 90 days = now()", True),
        ("account.signed_up_at > '2026-02-28' and account.signed_up_at < date '2026-03-01'", True),
        ("now() - account.signed_up_at > 9 days and now() - account.signed_up_at < 10 days", True),
        ("now() - 4 hours < now()", True),
        ("reached('first_change') and not reached('habit')", True),
        ("in_segment('enterprise')", True),
        ("areas_28d / account.seats = 0.3", True),
        ("changes_7d % 2 = 1", True),
        ("changes_7d - 1 - 1 = 3 and 2 + 3 * 2 = 8 and -changes_7d < 0", True),
        ("case when changes_7d > 3 then account.plan = 'team' else false end", True),
        ("case account.plan when 'team' then 1 else 2 end = 1", True),
        ("coalesce(account.seats, 0) >= 10 and nullif(changes_7d, 5) is null", True),
        ("contains(lower(account.name), '''社''')", True),
        ("length(account.plan) = 4 and upper(account.plan) = 'TEAM'", True),
        ("least(changes_7d, areas_28d) = 3 and round(usage_share, 1) = 0.8", True),
        ("month(account.signed_up_at) = 2", True),
        ("account.mystery = 7 and account.mystery = '7'", True),
    ],
)
def test_a_condition_means_what_it_says(text: str, first_row: bool) -> None:
    made, problems = condition(text)
    assert made is not None, problems
    assert (made.type, made.grain) == (Type.BOOLEAN, Grain.ACCOUNT)
    with facts() as connection:
        assert run(connection, made)[0] is first_row


@pytest.mark.parametrize(
    "text",
    [
        "account.plan = 'x'",
        "not account.plan = 'x'",
        "changes_7d > 0 or account.churned",
        "account.plan not in ('a')",
        "null",
        "reached('habit')",
    ],
)
def test_a_blank_condition_is_false(text: str) -> None:
    made, problems = condition(text)
    assert made is not None, problems
    with facts() as connection:
        assert run(connection, made)[2] is False


def test_days_since_a_time_to_come_is_blank_and_days_until_a_time_gone_is_negative() -> None:
    since, _ = scalar("days_since(account.signed_up_at)")
    until, _ = scalar("days_until(account.signed_up_at)")
    assert since is not None
    assert until is not None
    with facts() as connection:
        assert run(connection, since)[:2] == [10, None]
        assert run(connection, until)[:2] == [-10, 297]


def test_days_are_counted_in_the_projects_zone() -> None:
    made, _ = scalar("days_since(account.signed_up_at)")
    assert made is not None
    with facts("America/New_York") as connection:
        assert run(connection, made)[0] == 10
    with facts("Asia/Tokyo") as connection:
        assert run(connection, made)[0] == 9


def test_division_by_zero_is_blank() -> None:
    made, _ = condition("changes_7d / account.seats >= 0 or changes_7d % account.seats >= 0")
    assert made is not None
    with facts() as connection:
        assert run(connection, made)[1] is False


def test_names_are_the_columns_it_reads() -> None:
    made, _ = condition(
        "reached('habit') and changes_7d > 0 and account.plan = 'x' and in_segment('enterprise') and changes_7d < vars.limit"
    )
    assert made is not None
    assert made.names == ("account.plan", "changes_7d", "reached:habit", "segment:enterprise")


def test_a_scalar_stays_blank_and_has_its_type() -> None:
    ratio, _ = scalar("areas_28d / nullif(account.seats, 0)", Type.NUMBER)
    assert ratio is not None
    assert ratio.type is Type.NUMBER
    with facts() as connection:
        assert run(connection, ratio)[1:3] == [None, None]
    plan, problems = scalar("account.plan", Type.NUMBER)
    assert plan is None
    assert [p.code for p in problems] == ["X213"]


WRONG = [
    # text, code, the words pointed at, mend
    ("", "X201", "", "write a condition, such as changes_7d > 0"),
    ("usage_share > 80%", "X208", "80%", "write 0.8"),
    ("usage_share > 80 % and changes_7d > 1", "X208", "80 %", "write 0.8"),
    ("account.plan = null", "X214", "= null", "write is null"),
    ("account.plan != null", "X214", "!= null", "write is not null"),
    ("null = account.plan", "X214", "null = account.plan", "write account.plan is null"),
    ("account.plan = (null)", "X214", "= (null)", "write is null"),
    ("7 days < quiet_days", "X213", "7 days < quiet_days", "write quiet_days > 7"),
    ("(quiet_days) >= (7 days)", "X213", ">= (7 days)", "write >= 7"),
    ("length(account.plan) > '3'", "X213", "> '3'", "write > 3"),
    ("account.seats in (1, '14')", "X213", "'14'", "write 14"),
    ("quiet_days between 7 days and 14", "X213", "7 days", "write 7"),
    ("account.signed_up_at between 7 and now()", "X213", "account.signed_up_at", "write days_since(account.signed_up_at)"),
    ("account.plan = none", "X211", "= none", "write is null"),
    ("account.plan != nil", "X211", "!= nil", "write is not null"),
    ("account.plan = vars.nothing", "X214", "= vars.nothing", "write is null"),
    ("account.plan = team", "X207", "team", "write 'team'"),
    ("account.plan = self-serve", "X207", "self-serve", "write 'self-serve'"),
    ("account.plan = self serve", "X207", "self serve", "write 'self serve'"),
    ('account.plan = "team"', "X207", '"team"', "write 'team'"),
    ("quiet_days > 7 days", "X213", "> 7 days", "write > 7"),
    ("quiet_days > 2 weeks", "X213", "> 2 weeks", "write > 14"),
    ("account.signed_up_at > 7 days", "X213", "account.signed_up_at > 7 days", "write days_since(account.signed_up_at) > 7"),
    ("account.signed_up_at > 7", "X213", "account.signed_up_at > 7", "write days_since(account.signed_up_at) > 7"),
    ("account.signed_up_at > '2026-02-30'", "X213", "'2026-02-30'", "write a date that exists, as '2026-01-31'"),
    ("account.renewal_at < now() + 3d", "X290", "3d", "write 3 days"),
    ("account.renewal_at < now() + 3 day", "X290", "3 day", "write 3 days"),
    ("account.renewal_at < now() + interval '3 days'", "X209", "interval '3 days'", "write 3 days"),
    ("account.plan == 'team'", "X209", "==", "write ="),
    ("account.churned && reached('habit')", "X209", "&&", "write and"),
    ("account.churned || reached('habit')", "X209", "||", "write or"),
    ("account.plan in ['a', 'b']", "X209", "[", "write in ('a', 'b')"),
    ("account.plan in 'a'", "X209", "in 'a'", "write in ('a')"),
    ("account.plan in ()", "X203", "()", "write in ('a', 'b')"),
    ("account.plan is 'x'", "X209", "is 'x'", "write = 'x'"),
    ("account.plan is not 'x'", "X209", "is not 'x'", "write <> 'x'"),
    ("account.plan is blank", "X209", "is blank", "write is null"),
    ("account.plan　= 'team'", "X205", "　", "write account.plan = 'team'"),
    ("account.plan = 「team」", "X205", "「team」", "write account.plan = 'team'"),
    ("account.plan = ’team’", "X205", "’team’", "write account.plan = 'team'"),
    ("account.plan = `team`", "X207", "`team`", "write 'team'"),
    ("changes_7d ≧ 3", "X209", "≧", "write >="),
    ("changes_7d ＞ ３", "X205", "＞", "write changes_7d > 3"),
    ("（changes_7d > 3）", "X205", "（", "write (changes_7d > 3)"),
    ("account.plan in ('a'， 'b')", "X205", "，", "write account.plan in ('a', 'b')"),
    ("{{ changes_7d > 3 }}", "X206", "{{", "write changes_7d > 3"),
    ("{changes_7d > 3}", "X206", "{", "write changes_7d > 3"),
    ("where changes_7d > 3", "X206", "where", "leave it out"),
    ("reached(first_change)", "X207", "first_change", "write reached('first_change')"),
    ("reached('first_chnge')", "X218", "'first_chnge'", 'did you mean "first_change"?'),
    ("in_segment('enterprize')", "X218", "'enterprize'", 'did you mean "enterprise"?'),
    ("days_since(changes_7d) > 3", "X213", "changes_7d", ""),
    ("days_since() > 3", "X217", "days_since()", ""),
    ("pln = 'team'", "X211", "pln", "there are areas_28d, changes_7d, quiet_days, usage_share"),
    (
        "account.birthday_party is null",
        "X211",
        "account.birthday_party",
        "there are account.churned, account.mystery, account.name, account.plan, account.renewal_at, account.seats, account.signed_up_at",
    ),
    ("account.signed_up_at < 2012-08-01", "X213", "2012-08-01", "write '2012-08-01'"),
    ("plan = 'team'", "X211", "plan", 'did you mean "account.plan"?'),
    ("account.pln = 'team'", "X211", "account.pln", 'did you mean "account.plan"?'),
    ("chnges_7d > 3", "X211", "chnges_7d", 'did you mean "changes_7d"?'),
    ("nps > 3", "X212", "nps", ""),
    ("done('welcome')", "X219", "'welcome'", "give it `ask: {field: text}`"),
    ("done('kickof')", "X219", "'kickof'", 'did you mean "kickoff"?'),
    ("done(kickoff)", "X207", "kickoff", "write done('kickoff')"),
    ("answer('kickoff') > now()", "X219", "'kickoff'", "write answer('kickoff.date')"),
    ("answer('kickoff.dat') > now()", "X219", "'kickoff.dat'", 'did you mean "kickoff.date"?'),
    ("held(changes_7d > 3)", "X217", "held(changes_7d > 3)", "write held(…, '14 days')"),
    ("held(changes_7d > 3, '3d')", "X290", "'3d'", "write 3 days"),
    ("held(changes_7d > 3, 14)", "X290", "14", "write a unit: 14 days, or 14 hours"),
    ("held(changes_7d > 3, quiet_days)", "X290", "quiet_days", "write held(…, '14 days')"),
    ("held(changes_7d > 3, '0 days')", "X221", "'0 days'", "leave held() out, or say how long"),
    (
        "held(held(changes_7d > 3, '2 days'), '14 days')",
        "X221",
        "held(changes_7d > 3, '2 days')",
        "ask both side by side: held(a, …) and held(b, …)",
    ),
    ("held(1 = 1, '14 days')", "X221", "1 = 1", ""),
    ("held(count(changes_7d) > 3, '14 days')", "X215", "count", "define a metric in metrics.yaml and use its name"),
    ("held(changes_7d, '14 days')", "X213", "changes_7d", "write changes_7d > 0"),
    ("held(at_entry(changes_7d) > 3, '14 days')", "X221", "at_entry(changes_7d) > 3", "ask it beside held()"),
    ("len(account.plan) > 3", "X215", "len", "write length(x)"),
    ("count(changes_7d) > 3", "X215", "count", "define a metric in metrics.yaml and use its name"),
    ("account.churned = yes", "X209", "yes", "write true"),
    ("account.churned = 'yes'", "X213", "'yes'", "write true"),
    ("account.seats = '14'", "X213", "= '14'", "write = 14"),
    ("account.plan = 3", "X213", "3", "write '3'"),
    ("0 < changes_7d < 5", "X213", "0 < changes_7d < 5", "write 0 < changes_7d and changes_7d < 5"),
    ("changes_7d", "X213", "changes_7d", "write changes_7d > 0"),
    ("account.plan = 'a' or 'b'", "X213", "'b'", "write account.plan in (…, 'b')"),
    ("changes_7d > 1,000", "X203", ",", "write 1000"),
    ("account.name + 'x' = 'y'", "X213", "account.name + 'x'", "write concat(account.name, 'x')"),
    ("account.plan contains 'x'", "X203", "contains", "write contains(account.plan, 'x')"),
    ("changes_7d >", "X203", ">", ""),
    ("(changes_7d > 3", "X203", "(", "write ) where it ends"),
    ("changes_7d > 3)", "X203", ")", "delete it"),
    ("account.plan = 'team", "X203", "'team", "a quote inside text is written twice: 'it''s'"),
    ("account.signed_up_at < today()", "X215", "today", "write now()"),
]


@pytest.mark.parametrize(("text", "code", "words", "mend"), WRONG, ids=[w[0] or "empty" for w in WRONG])
def test_a_mistake_is_one_problem_with_its_place_and_mend(text: str, code: str, words: str, mend: str) -> None:
    made, problems = condition(text)
    assert made is None
    assert [(p.code, p.mend) for p in problems] == [(code, mend)]
    place = problems[0].place
    assert text[place.column - 1 : place.column - 1 + place.length] == words


LITERAL = [
    w
    for w in WRONG
    if (w[1] in ("X213", "X214") or "null" in w[3]) and w[3].startswith("write ") and "…" not in w[3] and " as " not in w[3]
]


@pytest.mark.parametrize(("text", "code", "words", "mend"), LITERAL, ids=[w[0] for w in LITERAL])
def test_a_mend_put_where_the_caret_is_mends(text: str, code: str, words: str, mend: str) -> None:
    """Followed to the letter, `write is null` under `= null` leaves no `= is null`."""
    _, problems = condition(text)
    assert [p.code for p in problems] == [code]
    at = problems[0].place.column - 1
    mended = text[:at] + mend.removeprefix("write ") + text[at + len(words) :]
    if text.startswith("account.signed_up_at between"):  # its second bound is a time; the first is mended
        mended = mended.replace("now()", "14")
    made, left = condition(mended)
    assert (made is not None, list(left)) == (True, []), mended


def test_a_full_width_percentage_is_mended_to_what_is_right() -> None:
    """Following the one mend must not lead to the next mistake."""
    _, problems = condition("usage_share ＞ ８０％ and changes_7d > 1")
    assert {(p.code, p.mend) for p in problems} == {("X205", "write usage_share > 0.8 and changes_7d > 1"), ("X208", "write 0.8")}


def test_independent_mistakes_are_all_reported_at_once() -> None:
    _, problems = condition("pln = 'x' and usage_share > 80% and account.plan = null and reached(habit)")
    assert sorted(p.code for p in problems) == ["X207", "X208", "X211", "X214"]


@pytest.mark.parametrize(
    "text",
    [
        "1 = 1; drop table account_facts",
        "(select 1) = 1",
        "exists (select 1 from account_facts)",
        "select 1",
        "read_csv('/etc/passwd') = 1",
        "account.plan in (select 'x')",
        "changes_7d in (from account_facts)",
        "cast(changes_7d as text) = '1'",
        "changes_7d::text = '1'",
        "sum(changes_7d) over () > 1",
        "count(*) > 1",
        "row_number() over (order by changes_7d) > 1",
        "list_filter([1], x -> x > 0) = 1",
        "changes_7d > ? and true",
        "changes_7d > $1",
        "account_facts.* = 1",
        "* = 1",
        "getvariable('now') = now()",
        "changes_7d = changes_7d -- and false",
        "changes_7d = /* x */ 1",
        "$$x$$ = 'x'",
        "changes_7d = 1 union all select true",
        "interval 1 day = 1",
        'changes_7d = 1 collate "x"',
        "lower(account.plan := 'x') = 'x'",
        "{'a': 1}.a = 1",
        "now()()",
        "pg_sleep(10) = 1",
        "current_setting('x') = 'y'",
        "'x' similar to 'y'",
        "account.plan glob 'x'",
        "\x00",
        "changes_7d > 1 limit 1",
        "changes_7d > 1 as x",
    ],
)
def test_what_is_no_plain_expression_is_refused(text: str) -> None:
    made, problems = condition(text)
    assert made is None
    assert problems


@pytest.mark.parametrize("text", ["(" * 400 + "true" + ")" * 400, "not " * 400 + "true", "x" * 6_000, "- " * 900 + "1 > 2", "1," * 3_000])
def test_what_is_too_deep_or_too_long_is_refused(text: str) -> None:
    made, problems = condition(text)
    assert made is None
    assert problems[0].code in ("X202", "X203")


def test_a_long_chain_is_no_deep_nesting() -> None:
    made, problems = condition(" and ".join(["changes_7d > 1"] * 240))
    assert made is not None, problems


def test_text_cannot_leave_its_quotes() -> None:
    made, _ = condition("account.plan = 'x'' or 1=1 --'")
    assert made is not None
    with facts() as connection:
        assert run(connection, made) == [False, False, False, False]
        assert connection.execute(f"EXPLAIN SELECT {made.sql} FROM account_facts").fetchall()


def test_a_locked_session_would_refuse_files_too() -> None:
    with facts() as connection, pytest.raises(duckdb.Error):
        connection.execute("SELECT * FROM read_csv('/etc/passwd')")


def test_a_condition_takes_no_more_work_for_those_before_it() -> None:
    """Two thousand calls each are a few milliseconds, so hundreds of them are compiled in a moment."""

    def compiled(first: int, last: int) -> None:
        for number in range(first, last):
            made, _ = condition(f"account.plan = 'p{number}' and changes_7d > {number} or reached('habit') and areas_28d * 2 <= {number}")
            assert made is not None

    compiled(100, 101)
    first = calls(lambda: compiled(200, 210))
    compiled(210, 500)
    assert first < 10 * 3_000
    assert calls(lambda: compiled(500, 510)) < 1.05 * first
