"""An answer is read the same however it is cut into pieces, and what is none is never taken for one."""

from __future__ import annotations

import pytest

from cs_engine.channels.answer import Answer, Malformed, Reader

ACCEPTED = b"HTTP/1.1 202 Accepted\r\nX-Message-Id: abc\r\nContent-Length: 0\r\n\r\n"
REFUSED = b'HTTP/1.1 400 Bad Request\r\ncontent-length:  13 \r\n\r\n{"errors":[]}'
CHUNKED = b"HTTP/1.1 400 Bad Request\r\nTransfer-Encoding: chunked\r\n\r\n5;x=y\r\n{'a':\r\n3\r\n 1}\r\n0\r\n"


def heard(*pieces: bytes) -> Answer | None:
    """What there is after these pieces."""
    reader = Reader()
    found = None
    for piece in pieces:
        assert found is None, "an answer is told of once it is whole, and not before"
        found = reader.feed(piece)
    return found


def bodies_of(raw: bytes) -> tuple[int, bytes, bool]:
    answer = heard(raw)
    assert answer is not None
    return answer.status, answer.body, answer.keeps


@pytest.mark.parametrize(
    ("raw", "read"),
    [
        (ACCEPTED, (202, b"", True)),
        (REFUSED, (400, b'{"errors":[]}', True)),
        (CHUNKED + b"\r\n", (400, b"{'a': 1}", True)),
        (CHUNKED + b"X-Trailer: 1\r\n\r\n", (400, b"{'a': 1}", True)),
        (b"HTTP/1.1 100 Continue\r\n\r\n" + ACCEPTED, (202, b"", True)),
        (b"HTTP/1.1 204\r\n\r\n", (204, b"", True)),
        (b"HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n", (304, b"", True)),
        (ACCEPTED.replace(b"X-Message-Id: abc", b"Connection: Close"), (202, b"", False)),
        (ACCEPTED.replace(b"1.1", b"1.0"), (202, b"", False)),
        (ACCEPTED.replace(b"1.1", b"1.0").replace(b"X-Message-Id: abc", b"Connection: keep-alive"), (202, b"", True)),
        (ACCEPTED + b"HTTP/1.1 500", (202, b"", False)),
    ],
)
def test_an_answer_is_read_whole_and_in_any_two_pieces(raw: bytes, read: tuple[int, bytes, bool]) -> None:
    assert bodies_of(raw) == read
    whole = raw.removesuffix(b"HTTP/1.1 500")
    for cut in range(1, len(whole)):
        assert heard(whole[:cut], whole[cut:]) is not None


def test_headers_have_names_in_small_letters() -> None:
    answer = heard(ACCEPTED.replace(b"abc", b"a:b c"))
    assert answer is not None
    assert answer.headers == {"x-message-id": "a:b c", "content-length": "0"}


def test_a_body_without_a_length_lasts_to_the_end_and_ends_the_connection() -> None:
    reader = Reader()
    assert reader.feed(b"HTTP/1.1 400 Bad Request\r\n\r\n{}") is None
    assert reader.end() == Answer(400, {}, b"{}", False)


@pytest.mark.parametrize("cut", [len(REFUSED) - 1, REFUSED.index(b"{")])
def test_a_status_counts_though_its_body_is_cut_off(cut: int) -> None:
    reader = Reader()
    assert reader.feed(REFUSED[:cut]) is None
    ended = reader.end()
    assert ended is not None
    assert (ended.status, ended.keeps) == (400, False)


@pytest.mark.parametrize("cut", [0, 1, 20, REFUSED.index(b"{") - 1])
def test_without_a_whole_head_there_is_no_answer(cut: int) -> None:
    reader = Reader()
    assert reader.feed(REFUSED[:cut]) is None
    assert reader.end() is None


@pytest.mark.parametrize(
    "raw",
    [
        b"SSH-2.0-OpenSSH\r\n\r\n",
        b"HTTP/2 202\r\n\r\n",
        b"HTTP/1.1 099 No\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length: -1\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length: 1, 2\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nContent-Length : 1\r\n\r\n",
        b"HTTP/1.1 202 OK\r\nno colon\r\n\r\n",
        b"HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\nxyz\r\n",
        b"HTTP/1.1 400 No\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nabc\r\n",
        b"x" * 70_000,
    ],
)
def test_what_is_no_answer_is_malformed(raw: bytes) -> None:
    with pytest.raises(Malformed):
        Reader().feed(raw)


def test_of_an_endless_body_a_megabyte_is_kept() -> None:
    reader = Reader()
    assert reader.feed(b"HTTP/1.1 400 No\r\nContent-Length: 999999999\r\n\r\n") is None
    found = next(answer for answer in (reader.feed(b"x" * 300_000) for _ in range(5)) if answer is not None)
    assert (found.status, len(found.body), found.keeps) == (400, 1 << 20, False)
