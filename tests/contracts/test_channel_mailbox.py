"""The mailbox: each message is one file, exactly once, whoever dies when."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from dataclasses import replace
from email import message_from_bytes, policy
from pathlib import Path

import pytest

from cs_engine.channels.mailbox import MailboxEmail, MailboxSlack, mail, mailbox_folder, mails
from cs_engine.ports import Letter, Parcel, Person
from tests.contracts.outgoing import LETTER, POST

SENDER = """
import sys
from pathlib import Path
from cs_engine.channels.mailbox import MailboxEmail
from cs_engine.ports import Parcel

parcels = [Parcel(f"msg_{n}", b"Subject: x\\n\\n" + b"x" * 4000 + b"\\nend") for n in range(2000)]
print("ready", flush=True)
MailboxEmail(Path(sys.argv[1])).send(parcels)
print("done", flush=True)
"""


def letters(count: int) -> list[Letter]:
    return [replace(LETTER, id=f"msg_{number}", to=Person(f"ann{number}@customer.example", "Ann")) for number in range(count)]


def names(root: Path) -> list[str]:
    return sorted(path.name for path in mailbox_folder(root).iterdir())


def test_sending_an_id_again_is_accepted_and_makes_no_second_file(tmp_path: Path) -> None:
    box = MailboxEmail(tmp_path)
    box.send([box.build(LETTER)])
    before = (mailbox_folder(tmp_path) / "msg_1.eml").read_bytes()
    changed = box.build(replace(LETTER, subject="Something else"))
    assert [o.kind for o in MailboxEmail(tmp_path).send([changed, changed])] == ["accepted", "accepted"]
    assert names(tmp_path) == ["msg_1.eml"]
    assert (mailbox_folder(tmp_path) / "msg_1.eml").read_bytes() == before


def test_lookup_knows_of_every_id_whether_it_left(tmp_path: Path) -> None:
    box = MailboxEmail(tmp_path)
    sent = box.send([box.build(LETTER)])
    found = MailboxEmail(tmp_path).lookup(["msg_1", "msg_never", "../msg_1"])
    assert found["msg_1"] == sent[0]
    assert [found["msg_never"].kind, found["../msg_1"].kind] == ["retry", "retry"]


@pytest.mark.parametrize("id", ["../escape", "a/b", "", ".hidden", "x" * 200, "nul\x00"])
def test_an_id_that_is_no_file_name_stays_outside_the_disk(tmp_path: Path, id: str) -> None:
    (outcome,) = MailboxEmail(tmp_path).send([Parcel(id, b"x")])
    assert (outcome.kind, outcome.code) == ("rejected", "invalid_id")
    assert names(tmp_path) == []
    assert [path.name for path in tmp_path.iterdir()] == [".cs-engine"]


def test_killed_at_any_moment_every_file_is_whole_and_sending_again_completes_it(tmp_path: Path) -> None:
    for delay in (0.0, 0.01, 0.03, 0.06, 0.1, 0.15):
        process = subprocess.Popen([sys.executable, "-c", SENDER, str(tmp_path)], stdout=subprocess.PIPE, text=True)
        with process:
            assert process.stdout is not None
            assert process.stdout.readline() == "ready\n"
            time.sleep(delay)
            process.send_signal(signal.SIGKILL)
        for name in names(tmp_path) if mailbox_folder(tmp_path).exists() else []:
            if name.endswith(".eml"):
                assert (mailbox_folder(tmp_path) / name).read_bytes().endswith(b"\nend"), "a file is there whole or not at all"
    subprocess.run([sys.executable, "-c", SENDER, str(tmp_path)], check=True, stdout=subprocess.DEVNULL)
    assert len([name for name in names(tmp_path) if name.endswith(".eml")]) == 2000


def test_what_the_dead_left_half_written_is_swept_once_it_is_old(tmp_path: Path) -> None:
    folder = mailbox_folder(tmp_path)
    folder.mkdir(parents=True)
    for name, age in ((".msg_old.1.part", 7200), (".msg_young.2.part", 10)):
        (folder / name).write_bytes(b"half")
        os.utime(folder / name, (time.time() - age,) * 2)
    box = MailboxEmail(tmp_path)
    box.send([box.build(LETTER)])
    assert names(tmp_path) == [".msg_young.2.part", "msg_1.eml"]


def test_a_disk_that_refuses_one_file_is_a_retry_for_that_one(tmp_path: Path) -> None:
    box = MailboxEmail(tmp_path)
    folder = mailbox_folder(tmp_path)
    folder.mkdir(parents=True)
    (folder / f".msg_1.{os.getpid()}.part").mkdir()
    outcomes = box.send([box.build(letter) for letter in letters(3)])
    assert [(o.kind, o.code) for o in outcomes] == [("accepted", ""), ("retry", "EISDIR"), ("accepted", "")]


def test_a_mail_is_read_back_by_id_address_and_subject(tmp_path: Path) -> None:
    email, slack = MailboxEmail(tmp_path), MailboxSlack(tmp_path)
    email.send([email.build(replace(LETTER, subject="山田様 ご契約の更新について" * 5, to=Person("ann@customer.example", "山田, 太郎")))])
    time.sleep(0.02)
    slack.send([slack.build(replace(POST, id="msg_2", text="Acme went quiet\nfor 14 days"))])
    first, second = mails(tmp_path)
    assert (first.id, first.kind, first.to) == ("msg_1", "email", "ann@customer.example")
    assert first.subject == "山田様 ご契約の更新について" * 5
    assert (second.id, second.kind, second.to, second.subject) == ("msg_2", "slack", "C0SUCCESS", "Acme went quiet")
    assert mails(tmp_path, newest=1) == [second]
    assert mail(tmp_path, "msg_2") == second
    assert mail(tmp_path, "msg_3") is None


def test_an_empty_mailbox_has_no_mails(tmp_path: Path) -> None:
    assert mails(tmp_path) == []
    assert mail(tmp_path, "msg_1") is None


def test_a_mail_can_be_read_and_searched_as_it_lies_there(tmp_path: Path) -> None:
    box = MailboxEmail(tmp_path)
    box.send([box.build(replace(LETTER, text="山田様\nようこそ\n"))])
    raw = (mailbox_folder(tmp_path) / "msg_1.eml").read_bytes()
    assert "ようこそ".encode() in raw
    message = message_from_bytes(raw, policy=policy.default)
    assert message.get_content_type() == "multipart/alternative"
    assert [part.get_content_type() for part in message.iter_parts()] == ["text/plain", "text/html"]
    assert message["List-Unsubscribe"] == "<mailto:unsubscribe@vendor.example?subject=unsubscribe>"
    assert message["Date"].datetime == LETTER.at
    assert message["Message-ID"] == "<msg_1@vendor.example>"
    assert message.defects == []
