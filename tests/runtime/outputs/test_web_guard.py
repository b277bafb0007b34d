"""Who may see the page: hosts, origins, tokens and cookies."""

from __future__ import annotations

import json

import pytest
from websockets.exceptions import InvalidStatus

from digits_runtime.errors import InputError

from .visiting import BEARER, TOKEN, Serve, ask, drawing, next_of, watch


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "", "127.0.0.1.evil.example"])
def test_another_name_for_this_host_is_refused(serve: Serve, host: str) -> None:
    _, port = serve()
    assert ask(port, "/", headers={"Host": host})[0] in (400, 421)
    _, port = serve("0.0.0.0:0", TOKEN)
    assert ask(port, "/healthz", headers={"Host": host})[0] in (400, 421)


@pytest.mark.parametrize("host", ["localhost", "127.0.0.1:1234", "[::1]:80", "LOCALHOST:8000"])
def test_loopback_goes_by_any_of_its_names(serve: Serve, host: str) -> None:
    _, port = serve()
    assert ask(port, "/", headers={"Host": host})[0] == 200


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "http://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}],
)
def test_pages_of_other_sites_are_refused(serve: Serve, headers: dict[str, str]) -> None:
    _, port = serve()
    assert ask(port, "/read", body=drawing("1"), headers=headers)[0] == 403
    with pytest.raises(InvalidStatus) as refused:
        watch(port, **headers)
    assert refused.value.response.status_code == 403


def test_others_than_this_machine_need_the_token(serve: Serve) -> None:
    _, port = serve("0.0.0.0:0", TOKEN)
    assert ask(port, "/")[0] == 200
    assert json.loads(ask(port, "/login")[2]) == {"known": False}
    for headers in ({}, {"Authorization": "Bearer wrong"}, {"Cookie": f"digits-{port}=x"}):
        assert ask(port, "/read", body=drawing("1"), headers=headers)[0] == 401
        with pytest.raises(InvalidStatus) as refused:
            watch(port, **headers)
        assert refused.value.response.status_code == 401
    assert ask(port, "/read", body=drawing("1"), headers=BEARER)[0] == 200
    with watch(port, **BEARER) as viewer:
        next_of(viewer)


def test_the_token_buys_a_cookie_that_does_not_hold_it(serve: Serve) -> None:
    _, port = serve("0.0.0.0:0", TOKEN)
    assert ask(port, "/login", body=b"", headers={"Authorization": "Bearer wrong"})[0] == 401
    status, headers, _ = ask(port, "/login", body=b"", headers=BEARER)
    cookie = headers["set-cookie"]
    assert status == 200
    assert "httponly" in cookie.lower()
    assert "samesite=strict" in cookie.lower()
    assert TOKEN not in cookie
    with watch(port, Cookie=cookie.split(";")[0]) as viewer:
        next_of(viewer)


def test_a_token_is_made_up_where_one_is_needed(
    serve: Serve, capsys: pytest.CaptureFixture[str]
) -> None:
    served, port = serve("0.0.0.0:0")
    made_up = served.server.made_up
    assert made_up is not None
    assert f"#{made_up}\n" in capsys.readouterr().err
    headers = {"Authorization": f"Bearer {made_up}"}
    assert ask(port, "/read", body=drawing("1"), headers=headers)[0] == 200


@pytest.mark.parametrize("token", ["", "short", "with a newline\n......", "ümläüte-ümläüte-ü"])
def test_a_weak_token_is_refused(serve: Serve, token: str) -> None:
    with pytest.raises(InputError, match="16 or more"):
        serve(token=token)


@pytest.mark.parametrize("path", ["/../page.py", "/static/index.html", "/%2e%2e/x", "//etc/passwd"])
def test_no_path_is_opened(serve: Serve, path: str) -> None:
    _, port = serve()
    assert ask(port, path)[0] == 404
