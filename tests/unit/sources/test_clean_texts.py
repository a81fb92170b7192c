"""Texts that are taken as they are, because nothing is wrong with any: SQL would leave each as it is, too."""

from __future__ import annotations

import duckdb
from hypothesis import example, given, settings
from hypothesis import strategies as st

from cs_engine.sources.intake.arriving import _clean
from cs_engine.sources.intake.columns import clean_text

TEXTS = st.lists(
    st.none() | st.lists(st.sampled_from([*"ab \n\t\r\f\0\x1f", "é", "山", "\u3000", "\u00a0"]), max_size=4).map("".join), max_size=4
)


def test_what_is_clean_needs_no_trimming() -> None:
    with duckdb.connect() as db:

        @settings(max_examples=400, deadline=None)
        @given(TEXTS)
        @example(["a\n", "b"])
        @example(["a", "\nb"])
        @example(["a\tb"])
        @example(["", None])
        def holds(values: list[str | None]) -> None:
            if _clean(values, optional=True):
                select = f'SELECT {clean_text("text", "VARCHAR")} FROM (SELECT unnest($1::VARCHAR[]) AS "text")'
                assert [text for (text,) in db.execute(select, [values]).fetchall()] == values

        holds()


def test_most_texts_are_clean_at_once() -> None:
    assert _clean(["con_1", "山田 太郎", "a-b c"], optional=False)
    assert _clean(["con_1", None], optional=True)
    assert not _clean(["con_1", None], optional=False)
