"""What the customers' pages say, in the languages that they speak."""

from __future__ import annotations

from collections.abc import Mapping

Words = Mapping[str, str]

_EN = {
    "lang": "en",
    "title": "Your answers",
    "hello": "Thank you for taking a moment.",
    "check": "Nothing has been sent yet. Look it over, then press “{send}”.",
    "send": "Send",
    "close": "Cancel",
    "optional": "You can leave questions out.",
    "pick": "Please choose",
    "nobody": "Somebody else, or I do not know",
    "thanks_title": "Thank you",
    "thanks": "Your answer has been saved. You can close this page.",
    "again": "Change the answer",
    "invalid_title": "This link is not valid",
    "invalid": "It may have been cut off. Please open the whole link from the e-mail again.",
    "expired_title": "This link has expired",
    "expired": "Please reply to the e-mail instead: somebody reads every reply.",
    "missing_title": "There is nothing here",
    "missing": "Please open the link from the e-mail again.",
    "later_title": "This does not work just now",
    "later": "Please try again in a few minutes.",
    "nothing": "Please answer at least one question.",
    "wrong": "Please correct what is marked.",
    "wrong_date": "Please give a date, such as 2026-04-01.",
    "wrong_choice": "Please choose one of these.",
    "too_large": "That is too much text.",
}
_JA = {
    "lang": "ja",
    "title": "ご回答",
    "hello": "お時間をいただきありがとうございます。",
    "check": "まだ送信されていません。内容をご確認のうえ、「{send}」を押してください。",
    "send": "送信する",
    "close": "キャンセル",
    "optional": "回答しない質問があってもかまいません。",
    "pick": "選択してください",
    "nobody": "その他の人、またはわからない",
    "thanks_title": "ありがとうございました",
    "thanks": "ご回答を保存しました。このページを閉じてかまいません。",
    "again": "回答を変更する",
    "invalid_title": "このリンクは無効です",
    "invalid": "リンクが途中で切れている可能性があります。メールのリンクをもう一度開いてください。",
    "expired_title": "このリンクは有効期限が切れています",
    "expired": "お手数ですが、メールにそのままご返信ください。",
    "missing_title": "ページが見つかりません",
    "missing": "メールのリンクをもう一度開いてください。",
    "later_title": "ただいまご利用いただけません",
    "later": "数分後にもう一度お試しください。",
    "nothing": "少なくとも一つの質問にお答えください。",
    "wrong": "印の付いた項目をご確認ください。",
    "wrong_date": "日付を 2026-04-01 のように入力してください。",
    "wrong_choice": "いずれかを選択してください。",
    "too_large": "文章が長すぎます。",
}


def words(locale: str, accepted: str = "") -> Words:
    """The words for a recipient's locale; where it is unknown, for what their browser asks for (`Accept-Language`); else English."""
    wanted = locale or accepted
    return _JA if wanted.strip().lower().startswith("ja") else _EN
