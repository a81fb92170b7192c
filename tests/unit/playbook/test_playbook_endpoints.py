"""Where webhooks may go: what shows in an address, and what shows only when its name has been resolved."""

from __future__ import annotations

from ipaddress import ip_address

import pytest

from cs_engine.playbook.endpoints import Allowed, is_entry, is_public, resolved, wrong_url

NONE = Allowed()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1", "127.8.8.8", "0.0.0.0", "10.1.2.3", "172.16.0.1", "192.168.0.1", "100.64.0.1", "169.254.169.254", "168.63.129.16",
        "192.0.0.192", "198.18.0.1", "224.0.0.1", "240.0.0.1", "255.255.255.255", "::", "::1", "fe80::1", "fc00::1", "fd00:ec2::254",
        "ff02::1", "2001:db8::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "64:ff9b::7f00:1", "64:ff9b:1::1", "2002:7f00:1::",
        "2002:a00:1::1",
    ],
)  # fmt: skip
def test_an_address_that_only_we_can_reach_is_not_public(address: str) -> None:
    assert not is_public(ip_address(address))
    assert NONE.refuses("hooks.customer.example", address)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"])
def test_an_address_of_the_world_is(address: str) -> None:
    assert is_public(ip_address(address))
    assert not NONE.refuses("hooks.customer.example", address)


def test_what_is_no_address_is_refused() -> None:
    assert NONE.refuses("hooks.customer.example", "somewhere")


@pytest.mark.parametrize(
    "url",
    [
        "https://hooks.customer.example/cs?x=1", "https://hooks.customer.example:8443/", "https://xn--wgv71a.jp/x", "https://93.184.216.34/x",
        "https://[2606:4700:4700::1111]/x",
    ],
)  # fmt: skip
def test_a_good_address_is_taken(url: str) -> None:
    assert wrong_url(url, NONE) is None


@pytest.mark.parametrize(
    "url",
    [
        "http://hooks.customer.example/x", "ftp://hooks.customer.example/x", "https://", "https:///x", "hooks.customer.example", "https://[::1",
        "https://user@hooks.customer.example/x", "https://user:pass@hooks.customer.example/x", "https://hooks.customer.example:99999/x",
        "https://localhost/x", "https://127.0.0.1/x", "https://10.0.0.1/x", "https://169.254.169.254/latest/meta-data", "https://[::1]/x",
        "https://[::ffff:127.0.0.1]/x", "https://127.1/x", "https://2130706433/x", "https://0177.0.0.1/x", "https://１２７.0.0.1/x",
        "https://日本.jp/x", "https://good.example\\@127.0.0.1/x", "https://good.example\n/x", "https://good.example/a b",
        "https://%31%32%37.0.0.1/x", "file:///etc/passwd", "https://-.example/x",
    ],
)  # fmt: skip
def test_a_bad_address_is_told_with_a_mend(url: str) -> None:
    wrong = wrong_url(url, NONE)
    assert wrong is not None
    assert all(wrong)


def test_what_is_ones_own_may_be_private_and_without_tls() -> None:
    own = Allowed.of(["hooks.internal.example", "10.1.0.0/16", "::1", "127.0.0.1"])
    for url in (
        "http://hooks.internal.example/x",
        "http://10.1.2.3/x",
        "http://[::1]:8080/x",
        "https://127.0.0.1/x",
        "http://HOOKS.internal.example",
    ):
        assert wrong_url(url, own) is None
    assert not own.refuses("hooks.internal.example", "192.168.0.1")
    assert not own.refuses("other.example", "10.1.9.9")
    assert own.refuses("other.example", "10.2.0.1")
    assert wrong_url("http://10.2.0.1/x", own) is not None


@pytest.mark.parametrize(
    ("entry", "good"),
    [
        ("hooks.internal.example", True),
        ("10.1.0.0/16", True),
        ("::1", True),
        ("10.1.2.3/8", False),
        ("https://x.example", False),
        ("1.2", False),
    ],
)
def test_an_entry_is_a_host_an_address_or_a_network(entry: str, good: bool) -> None:
    assert is_entry(entry) is good


def test_a_name_means_what_project_yaml_says() -> None:
    assert resolved("crm", {"crm": "https://crm.example/x"}) == "https://crm.example/x"
    assert resolved("https://a.example/x", {}) == "https://a.example/x"
    assert resolved("crm", {}) is None
