"""A short story of each recipe: made in a fresh project, it sends its mails in English and Japanese, and its alerts."""

from __future__ import annotations

from pathlib import Path

from tests.recipes.shelf import languages, stock
from tests.stories.world import day

WEEK = 7
US = "【株式会社エグザンプル・ワークス】"


def test_expansion_seats(tmp_path: Path) -> None:
    """Above 80 % the CSM hears at once, the champion two business days later, and again when all seats are taken."""
    shelf = stock(tmp_path, "expansion-seats").columns(seats=10).colleagues(9).all_use(day(-1), but=3)
    first = shelf.run(day(0))
    assert (first.of("expansion-seats")["matched"], first.sent) == (0, [])

    shelf.all_use(day(1, 8), but=2)
    alert = shelf.run(day(1))
    assert [line.split(":")[0] for line in alert.sent] == ["U0SAMPLE01", "U0SAMPLE01"]
    assert any("Seats run short" in line for line in alert.sent)
    assert any("席数の残り" in line for line in alert.sent)
    mails = [shelf.run(day(2)), shelf.run(day(3))]
    shelf.all_use(day(16, 8))
    mails.append(shelf.run(day(17)))
    assert languages(mails) == {
        "emi": ["Acme: 8 of 10 seats in use", "The next colleague at Acme may find no seat"],
        "jun": [
            f"{US}ご契約席数のご利用状況（10席中8名）",
            f"{US}席数の残りについて",
        ],
    }
    shelf.close()


def test_feature_adoption(tmp_path: Path) -> None:
    """Managed accounts get one mail, and their CSM an alert when nothing follows; self-guided ones get two mails."""
    shelf = stock(tmp_path, "feature-adoption").columns(plan="team")
    shelf.account("acme", plan="self_serve")
    shelf.run(day(0))
    shelf.all_use(day(1, 8)).all_use(day(1 - WEEK, 8))
    ticks = [shelf.run(day(number)) for number in range(2, 14)]
    assert languages(ticks) == {
        "emi": ["A feature you have not tried yet, in three steps", "How somebody else uses it: an example"],
        "jun": [f"{US}ご契約に含まれる機能のご活用について"],
    }
    assert [line for tick in ticks for line in tick.sent if line.startswith("U0")] == [
        "U0SAMPLE01: Yamada: 機能が未使用です。短い操作説明をご提案ください"
    ]
    assert shelf.stands("feature-adoption") == ["done"]
    shelf.close()


def test_feature_adoption_ends_when_the_feature_is_used(tmp_path: Path) -> None:
    shelf = stock(tmp_path, "feature-adoption").columns(plan="self_serve")
    shelf.run(day(0))
    shelf.all_use(day(1, 8)).all_use(day(1 - WEEK, 8))
    shelf.run(day(2))
    for hour in (8, 9, 10):
        shelf.all_use(day(3, hour), event="feature_used")
    ticks = [shelf.run(day(number)) for number in range(4, 10)]
    assert languages(ticks) == {"emi": [], "jun": []}
    assert shelf.stands("feature-adoption") == ["goal"]
    shelf.close()
