"""A short story of each recipe: made in a fresh project, it sends its mails in English and Japanese, and its alerts."""

from __future__ import annotations

from datetime import datetime
from pathlib import Path

from cs_engine.run.desk import approving
from tests.recipes.shelf import BEFORE, CSM, Shelf, alerts, languages, stock
from tests.stories.test_stories_asks import answer
from tests.stories.test_stories_ledger import touched
from tests.stories.world import Ticked, day

WEEK = 7
US = "【株式会社エグザンプル・ワークス】"


def test_expansion_seats(starter: Path, here: Path) -> None:
    """Above 80 % the CSM hears at once, the champion two business days later, and again when all seats are taken."""
    shelf = stock(starter, here, "expansion-seats").columns(seats=10).colleagues(9).all_use(day(-1), but=3)
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


def test_feature_adoption(starter: Path, here: Path) -> None:
    """Managed accounts get one mail, and their CSM an alert when nothing follows; self-guided ones get two mails."""
    shelf = stock(starter, here, "feature-adoption").columns(plan="team")
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


def test_feature_adoption_ends_when_the_feature_is_used(starter: Path, here: Path) -> None:
    shelf = stock(starter, here, "feature-adoption").columns(plan="self_serve")
    shelf.run(day(0))
    shelf.all_use(day(1, 8)).all_use(day(1 - WEEK, 8))
    shelf.run(day(2))
    for hour in (8, 9, 10):
        shelf.all_use(day(3, hour), event="feature_used")
    ticks = [shelf.run(day(number)) for number in range(4, 10)]
    assert languages(ticks) == {"emi": [], "jun": []}
    assert shelf.stands("feature-adoption") == ["goal"]
    shelf.close()


def test_self_serve_onboarding(starter: Path, here: Path) -> None:
    """Who does not come back is asked why, who comes back hears of a routine, and who does not keep it gets one last question."""
    shelf = stock(starter, here, "self-serve-onboarding").columns(since=day(0, 8), plan="starter")
    ticks = [shelf.run(day(0, 7)), shelf.run(day(0, 9))]
    shelf.all_use(day(0, 10))
    ticks += shelf.on(1, 3, 4)
    shelf.all_use(day(4, 12)).all_use(day(5, 9))
    ticks += shelf.on(5, 7, 8, 9, 21, 22, 23)
    assert languages(ticks) == {
        "emi": [
            "Example Works: one thing to begin with",
            "Did something stop you?",
            "The same time every week",
            "One question, and then I leave you to your work",
        ],
        "jun": [
            "【Example Works】ご登録のお礼と、最初におすすめの使い方",
            "【Example Works】お困りの点はございませんか",
            "【Example Works】毎週無理なくお使いいただくために",
            "【Example Works】ご利用開始のご案内は今回が最後です",
        ],
    }
    assert shelf.stands("self-serve-onboarding") == ["done"]
    shelf.close()


def test_self_serve_onboarding_ends_with_a_habit(starter: Path, here: Path) -> None:
    shelf = stock(starter, here, "self-serve-onboarding").columns(since=day(0, 8), plan="starter")
    shelf.run(day(0, 7))
    for number in range(20):
        shelf.all_use(day(number, 8.5))
    ticks = shelf.on(0, 2, 6, 8, 12, 14, 15, 19)
    assert [len(subjects) for subjects in languages(ticks).values()] == [2, 2]
    assert shelf.stands("self-serve-onboarding") == ["goal"]
    shelf.close()


def test_champion_left(starter: Path, here: Path) -> None:
    """The CSM first, then those who work there; nobody follows, so the manager hears; the successor gets to know where things stand."""
    shelf = stock(starter, here, "champion-left").columns(since=day(-400), plan="team")
    shelf.contact("lee", "acme", since=day(-401), name="Lee Park").contact("rin", "yamada", since=day(-401), name="佐藤 凛")
    shelf.contact("emi", "acme", "operator").contact("jun", "yamada", "operator")
    shelf.all_use(day(-1))
    ticks = [shelf.run(day(0))]
    assert ticks[0].sent == []
    shelf.contact("lee", "acme", left_at="2026-03-03").contact("rin", "yamada", left_at="2026-03-03")
    ticks += shelf.on(1, 2, 3, 16, 17)
    assert languages(ticks) == {
        "emi": ["Acme: who is our contact from now on?"],
        "jun": [f"{US}ご担当者様の変更について（お伺い）"],
    }
    assert alerts(ticks) == [
        "U0SAMPLE01: The champion has left: Lee Park, Acme",
        "U0SAMPLE01: 推進者の方がご担当を離れられました: Yamada（佐藤 凛様）",
        "U0SAMPLE00: Two weeks without a champion: Acme",
        "U0SAMPLE00: 後任の推進者が2週間決まっていません: Yamada",
    ]
    shelf.contact("lee", "acme", email="").contact("rin", "yamada", email="")
    assert languages(shelf.on(21, 22)) == {
        "emi": ["Acme and Example Works, Inc.: where things stand"],
        "jun": [f"{US}ご挨拶と、現在のご利用状況について"],
    }
    assert shelf.stands("champion-left") == ["done"]
    shelf.close()


def test_usage_drop_season(starter: Path, here: Path) -> None:
    """Much less than in the same weeks last year: the CSM, three business days later the champion, four weeks later the CSM again."""
    shelf = stock(starter, here, "usage-drop-season").columns(since=day(-800), plan="team")
    for number in range(-40, 60):
        shelf.all_use(day(number - 364))
        if number < 0 or number % 7 == 0:
            shelf.all_use(day(number, 8))
    ticks = shelf.on(0, 13, 14, 15, 16, 17, 18, 44, 45, 46)
    assert languages(ticks) == {
        "emi": ["Acme: less than in the same weeks last year"],
        "jun": [f"{US}最近のご利用状況についてのお伺い"],
    }
    assert [line.split(",")[0].split("（")[0] for line in alerts(ticks)] == [
        "U0SAMPLE01: Less than last year: Acme",
        "U0SAMPLE01: 前年同時期よりご利用が減っています: Yamada",
        "U0SAMPLE01: Still less than last year: Acme",
        "U0SAMPLE01: ご利用の減少が続いています: Yamada",
    ]
    assert shelf.stands("usage-drop-season") == ["done"]
    shelf.close()


def test_usage_drop_season_knows_the_season(starter: Path, here: Path) -> None:
    """Little in the same weeks as last year is no drop, however much there was the month before."""
    shelf = stock(starter, here, "usage-drop-season").columns(since=day(-800), plan="team")
    for year in (-364, 0):
        for number in range(-40, 0):
            shelf.all_use(day(year + number))
        for number in range(0, 40, 4):
            shelf.all_use(day(year + number))
    assert alerts(shelf.on(*range(0, 40, 6))) == []
    shelf.close()


def test_invite_operators(starter: Path, here: Path) -> None:
    """One colleague is asked for, a week later comes a text to forward, then the CSM's offer, which closes with the second person."""
    shelf = stock(starter, here, "invite-operators").columns(since=day(-1), plan="team").colleagues(1)
    for number in range(0, 30, 3):
        shelf.all_use(day(number, 8), but=1)
    ticks = shelf.on(0, 9, 10, 16, 17, 23, 24, 28)
    assert languages(ticks) == {
        "emi": ["Who would be the second person at Acme?", "A few words to invite your colleagues with"],
        "jun": [
            "【Example Works】まずはお一人、同僚の方のご招待から",
            "【Example Works】社内の方へのご招待に使える文例",
        ],
    }
    assert alerts(ticks) == [
        "U0SAMPLE01: Emi Stone still works alone at Acme: offer to show it to the team",
        "U0SAMPLE01: Yamada: 山田 純様がお一人でご利用中です。説明会をご提案ください",
    ]
    shelf.all_use(day(29, 8))
    assert len(alerts([shelf.run(day(29))])) == 2
    assert shelf.stands("invite-operators") == ["goal"]
    shelf.close()


def test_webinar_invitation(starter: Path, here: Path) -> None:
    """Everybody without a CSM is invited once; who registers is not reminded; nobody is written to before the date is set."""
    shelf = stock(starter, here, "webinar-invitation").columns(plan="starter").colleagues(1).all_use(day(-5))
    assert shelf.run(day(0)).sent == []
    file = "playbooks/webinar-invitation/webinar-invitation.yaml"
    playbook = (shelf.root / file).read_text(encoding="utf-8")
    shelf.write(file, playbook.replace("2030-01-17T06:00+00:00", "2026-03-20T06:00+00:00"))
    ticks = shelf.on(3, 4)
    assert sorted({file.to.split("@")[0] for ticked in ticks for file in ticked.files}) == ["acme0", "emi", "jun", "yamada0"]
    registered = [f"{account},{account}0,webinar_registered,{day(6).isoformat()}\n" for account in ("acme", "yamada")]
    shelf.write("data/webinars.csv", "account_id,contact_id,event,occurred_at\n" + "".join(registered))
    late = shelf.on(7, 14, 15, 16)
    assert languages(ticks + late) == {
        "emi": ["Webinar on 20 Mar: Working as a team, with your questions", "Reminder: Working as a team, with your questions, 20 Mar"],
        "jun": [f"{US}3月20日ウェビナー開催のご案内", f"{US}3月20日開催ウェビナーのお申し込みについて"],
    }
    assert sorted({file.to.split("@")[0] for ticked in late for file in ticked.files}) == ["emi", "jun"]
    assert sorted(shelf.stands("webinar-invitation")) == ["done", "goal"]
    shelf.close()


def test_payment_failed(starter: Path, here: Path) -> None:
    """At once, again after three days, then the CSM calls; nothing is held at night, and all of it ends when it is paid."""
    shelf = stock(starter, here, "payment-failed").columns(plan="team")
    shelf.account("bell", since=day(-90))
    told = ["account_id,contact_id,event,occurred_at\n"]

    def tell(event: str, at: datetime, *accounts: str) -> None:
        told.extend(f"{account},,{event},{at.isoformat()}\n" for account in accounts)
        shelf.write("data/payments.csv", "".join(told))

    tell("payment_failed", day(-60), "bell")
    assert shelf.run(day(0)).sent == []
    tell("payment_succeeded", day(0, 8), "acme", "yamada")
    tell("payment_failed", day(1, 8), "acme", "yamada")
    ticks = [shelf.run(day(1, 23)), *shelf.on(3, 5, 9)]
    assert len(ticks[0].files) == 2
    assert languages(ticks) == {
        "emi": ["Your payment to Example Works, Inc. did not go through", "Reminder: a payment for Acme is still open"],
        "jun": [f"{US}お支払い手続きご確認のお願い", f"{US}お支払い手続きについて（再度のご連絡）"],
    }
    assert alerts(ticks) == [
        "U0SAMPLE01: Payment open for a week: Acme",
        "U0SAMPLE01: お支払いが1週間未了です: Yamada",
    ]
    tell("payment_succeeded", day(11), "acme", "yamada")
    shelf.run(day(12))
    assert shelf.stands("payment-failed") == ["goal"]
    tell("payment_failed", day(20), "acme")
    shelf.run(day(21))
    assert len(shelf.stands("payment-failed")) == 2, "the next one counts again"
    shelf.close()


def approved(shelf: Shelf, asked: int, said: int) -> list[Ticked]:
    """A tick that asks the CSM to read, a yes to all that waits, and the tick after it."""
    ticks = shelf.on(asked)
    store = shelf.engine.store
    for approval in store.approvals_waiting():
        assert approving.answer(store, shelf.loaded, approval, CSM, day(asked, 12), yes=True, reason="", edited=None)
    return [*ticks, *shelf.on(said)]


def test_renewal(starter: Path, here: Path) -> None:
    """The CSM prepares it 120 days before; mails go 90, 60 and 30 days before, once the CSM has said yes; a signature ends it."""
    shelf = stock(starter, here, "renewal").columns(plan="team", renewal_at="2026-07-20").all_use(day(-3))
    assert shelf.run(day(0)).sent == []
    ticks = shelf.on(20, 50)
    assert languages(ticks) == {"emi": [], "jun": []}, "nobody has said yes yet"
    ticks += approved(shelf, 50, 51) + shelf.on(79)
    for account in ("acme", "yamada"):
        shelf.account(account, renewal_at="2026-07-22")
    ticks += shelf.on(80) + approved(shelf, 82, 83) + approved(shelf, 112, 113) + shelf.on(114)
    assert languages(ticks) == {
        "emi": [
            "Acme: your year in figures",
            "Your renewal on 22 Jul: three things to settle",
            "Your contract ends or renews on 22 Jul",
        ],
        "jun": [
            f"{US}この1年のご利用状況のご報告",
            f"{US}7月22日のご契約更新に向けたご相談",
            f"{US}7月22日のご契約更新について（ご確認）",
        ],
    }
    said = [line for line in alerts(ticks) if "Renewal" in line or "更新" in line]
    assert [line for line in dict.fromkeys(said) if not line.startswith("U0SAMPLE01: Approve")] == [
        "U0SAMPLE01: 2026年7月20日更新: Yamadaの準備をお願いします",
        "U0SAMPLE01: Renewal on 20 July 2026: prepare Acme",
        "U0SAMPLE01: Renewal in 30 days, not signed: Acme",
        "U0SAMPLE01: 更新まで30日、未締結: Yamada",
    ]
    for account in ("acme", "yamada"):
        shelf.account(account, renewal_at="2027-07-22")
    assert len(alerts([shelf.run(day(120))])) == 4
    assert shelf.stands("renewal") == ["goal"]
    shelf.close()


def test_enterprise_onboarding(starter: Path, here: Path) -> None:
    """Sales is asked for the brief; the champion says when and who, after a call; the driver gets the agenda two business days before."""
    shelf = stock(starter, here, "enterprise-onboarding").columns(since=day(0), plan="enterprise").colleagues(1)
    shelf.contact("acme0", locale="en").contact("yamada0", "yamada", "operator", locale="ja", name="佐藤 凛")
    ticks = [shelf.run(day(0, 9)), *shelf.on(0)]
    assert answer(shelf, shelf.recipe, day(1), "acme", "brief", goal="All in one place", promised="Nothing", risk="Time") is None
    ticks += shelf.on(2, 3, 4, 8, 9, 10)
    for account in ("acme", "yamada"):
        given = {"date": "2026-03-27", "driver": f"{account}0"}
        assert answer(shelf, shelf.recipe, day(10, 12), account, "kickoff", **given) is None
    ticks += shelf.on(11, 22)
    assert languages(ticks) == {"emi": ["Acme: when shall we begin?"], "jun": ["【Example Works】キックオフの日程のご相談"]}
    drivers = [
        line for ticked in [*ticks, *shelf.on(23, 25, 28, 29)] for line in ticked.sent if "0: " in line and not line.startswith("U0")
    ]
    assert sorted(drivers) == [
        "acme0: After our kick-off: the next step at Acme",
        "acme0: Kick-off of Example Works at Acme: the agenda",
        "yamada0: 【Example Works】キックオフのお礼と、次の進め方について",
        "yamada0: 【Example Works】キックオフの議題のご案内",
    ]
    assert list(dict.fromkeys(alerts([*ticks, *shelf.on(50)]))) == [
        "U0SAMPLE09: Please hand over Acme: three questions",
        "U0SAMPLE09: Yamadaの引き継ぎをお願いします（3つの質問）",
        "U0SAMPLE00: Yamadaの引き継ぎが営業から届いていません",
        "U0SAMPLE01: Acme has not answered: no date for the kick-off",
        "U0SAMPLE01: Yamada: キックオフの日程が未定です",
        "U0SAMPLE01: Three weeks after the kick-off, Acme is not live",
        "U0SAMPLE01: Yamada: キックオフから3週間、まだ定着していません",
    ]
    shelf.close()


def test_low_nps(starter: Path, here: Path) -> None:
    """Who gives 6 or less is called, thanked, and told a month later what has become of it; nobody else hears of it again."""
    shelf = stock(starter, here, "low-nps").columns(plan="team")
    shelf.account("bell", since=day(-90), plan="team").contact("bea", "bell", since=day(-90))
    for number in range(-8, 0):
        for account, contact in (("acme", "emi"), ("yamada", "jun"), ("bell", "bea")):
            shelf.uses(account, day(number), contact=contact)
    ticks = shelf.on(0)
    for account, score in (("acme", "3"), ("yamada", "6"), ("bell", "7")):
        assert answer(shelf, shelf.recipe, day(0, 12), account, score=score) is None
    ticks += shelf.on(1, 2, 3, 4, 33, 34)
    assert languages(ticks) == {
        "emi": ["Example Works: would you recommend us?", "Thank you for saying it plainly"],
        "jun": ["【Example Works】ご利用についてのアンケートのお願い", "【Example Works】アンケートへのご回答のお礼"],
    }
    assert alerts(ticks) == [
        "U0SAMPLE01: Low NPS from Emi Stone, Acme",
        "U0SAMPLE01: NPSで6以下のご回答: Yamada（山田 純様）",
        "U0SAMPLE01: A month after the low NPS: tell Emi Stone what has become of it (Acme)",
        "U0SAMPLE01: NPS低評価から1か月: 山田 純様へ対応状況をお伝えください（Yamada）",
    ]
    assert (shelf.stands("low-nps"), shelf.stands("low-nps", "bell")) == (["done"], ["done"])
    shelf.close()


def test_quarterly_review(starter: Path, here: Path) -> None:
    """Below expectation the CSM calls, a wish to talk is planned, and no answer costs a line in the next talk."""
    shelf = stock(starter, here, "quarterly-review").columns(plan="team")
    for number in range(-80, 200, 20):
        shelf.all_use(day(number))
    ticks = shelf.on(0, 1)
    assert answer(shelf, shelf.recipe, day(1, 12), "acme", met="2", next="Fewer lists", talk="false") is None
    assert answer(shelf, shelf.recipe, day(1, 12), "yamada", met="4", talk="true") is None
    ticks += shelf.on(2, 3, 4, 91, 92)
    assert languages(ticks) == {
        "emi": ["Acme: your quarter, and three questions", "Acme: thank you for your answers", "Acme: your quarter, and three questions"],
        "jun": [
            f"{US}四半期のご利用状況のご報告と3つのご質問",
            f"{US}ご回答のお礼と、今後の進め方について",
            f"{US}四半期のご利用状況のご報告と3つのご質問",
        ],
    }
    assert alerts([*ticks, *shelf.on(107)]) == [
        "U0SAMPLE01: Emi Stone expected more: Acme",
        "U0SAMPLE01: 山田 純様が次の四半期についてお打ち合わせをご希望です: Yamada",
        "U0SAMPLE01: No answer to the quarterly review: Acme",
        "U0SAMPLE01: 四半期の振り返りにご回答がありません: Yamada",
    ]
    shelf.close()


def test_re_approach(starter: Path, here: Path) -> None:
    """Four mails unanswered, a month's peace, then the CSM, one question, and what the answer asks for; silence means somebody else."""
    shelf = stock(starter, here, "re-approach").columns(plan="team")
    shelf.account("bell", since=BEFORE, plan="team", csm=CSM).contact("bea", "bell", since=BEFORE, name="Bea Roe", locale="en")
    for contact, account in (("emi", "acme"), ("jun", "yamada"), ("bea", "bell")):
        for number in range(4):
            touched(shelf, day(number), contact, "mail", account)
    ticks = shelf.on(4, 20, 32, 34)
    assert languages(ticks) == {"emi": [], "jun": []}
    ticks += shelf.on(47, 48, 49)
    for account, wish in (("acme", "talk"), ("yamada", "nothing")):
        assert answer(shelf, shelf.recipe, day(49, 12), account, wish=wish) is None
    ticks += shelf.on(50, 51, 72, 73)
    assert languages(ticks) == {"emi": ["Did we write to you too often?"], "jun": ["【Example Works】今後のご案内についてのお伺い"]}
    assert list(dict.fromkeys(alerts(ticks))) == [
        "U0SAMPLE01: Bea Roe (Bell) has not reacted for long: try another way",
        "U0SAMPLE01: Emi Stone (Acme) has not reacted for long: try another way",
        "U0SAMPLE01: 山田 純様（Yamada）からしばらく反応がありません。別の方法をお試しください",
        "U0SAMPLE01: Emi Stone (Acme) answered: a short talk, please",
        "U0SAMPLE01: 山田 純様（Yamada）がご案内を控えることをご希望です",
        "U0SAMPLE01: Bea Roe cannot be reached: find somebody else at Bell",
    ]
    assert shelf.stands("re-approach") == ["done"]
    shelf.close()


def test_re_approach_ends_with_any_other_reaction(starter: Path, here: Path) -> None:
    shelf = stock(starter, here, "re-approach").columns(plan="team")
    for number in range(4):
        touched(shelf, day(number), "emi", "mail")
    shelf.on(4, 34)
    shelf.uses("acme", day(40), contact="emi")
    assert languages(shelf.on(41, 50)) == {"emi": [], "jun": []}
    assert shelf.stands("re-approach") == ["goal"]
    shelf.close()
