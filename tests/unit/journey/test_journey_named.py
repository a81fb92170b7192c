"""Where a text names a person: what stands there once they are erased."""

from __future__ import annotations

import pytest

from cs_engine.journey.named import unnamed


@pytest.mark.parametrize(
    ("name", "text", "left"),
    [
        ("Ann Doe", "Ann Doe, of finance", "(erased), of finance"),
        ("Ann Doe", "spoke to DOE, ANN today", "spoke to (erased) today"),
        ("Ann Doe", "Ann's view: Mrs Doe decides", "(erased)'s view: Mrs (erased) decides"),
        ("Ann Doe", "Annual plan, Doer, annex", "Annual plan, Doer, annex"),
        ("Will Smith", "Will agrees, and will call the smith", "(erased) agrees, and will call the smith"),
        ("A. Doe", "plan A of Doe", "plan A of (erased)"),
        ("田中 太郎", "田中様と太郎さん、田中太郎さん", "(erased)様と(erased)さん、(erased)さん"),
        ("林 健", "森林の話。林健さんと林 健さん", "森林の話。(erased)さんと(erased)さん"),
        ("Ann (x", "Ann (x) and a.n", "(erased)) and a.n"),
        ("", "nobody", "nobody"),
    ],
)
def test_names_go_and_what_only_looks_like_them_stays(name: str, text: str, left: str) -> None:
    assert unnamed(text, [name], []) == left


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("write to ANN@Customer.example.", "write to (erased)."),
        ("<ann@customer.example>, joann@customer.example", "<(erased)>, joann@customer.example"),
    ],
)
def test_addresses_go_whatever_their_case(text: str, left: str) -> None:
    assert unnamed(text, [], ["ann@customer.example", ""]) == left
