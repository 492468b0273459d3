"""Who may ask: under our own names, from our own page, with the token where there is one."""

from pathlib import Path

import pytest
from asking import API, Client, serving

TOKEN = "a-token-of-the-tests"


@pytest.fixture(scope="module")
def locked(tmp_path_factory, settings_for):
    with serving(settings_for(tmp_path_factory.mktemp("locked")), token=TOKEN) as client:
        yield client


def test_every_answer_forbids_scripts_of_others(client: Client) -> None:
    for path in ("/", "/page/main.js", f"{API}/jobs", f"{API}/docs", "/nothing"):
        headers = client.ask("GET", path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("host", ["evil.example", "evil.example:80", "127.0.0.1.evil.example", ""])
def test_other_names_are_refused(client: Client, host: str) -> None:
    answer = client.ask("GET", f"{API}/jobs", headers={"Host": host})
    assert answer.status in (400, 421)


@pytest.mark.parametrize(
    "headers",
    [
        {"Origin": "https://evil.example"},
        {"Origin": "null"},
        {"Origin": "http://127.0.0.1:1"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_other_pages_change_nothing(client: Client, headers: dict[str, str]) -> None:
    answer = client.ask("POST", f"{API}/jobs?name=x", b"GIF89a", headers)
    assert answer.status == 403
    assert client.ask("DELETE", f"{API}/jobs/x", headers=headers).status == 403


def test_our_own_page_and_programs_may(client: Client) -> None:
    own = {"Origin": client.address, "Sec-Fetch-Site": "same-origin"}
    for headers in (own, {}):
        assert client.ask("DELETE", f"{API}/jobs/x", headers=headers).status == 404


def test_without_the_token_there_is_nothing_but_the_page(locked: Client) -> None:
    for path in ("/jobs", "/jobs/x/media", "/events", "/log", "/openapi.json", "/docs"):
        answer = locked.get(path)
        assert answer.status == 401, path
        assert answer.headers["www-authenticate"] == "Bearer"
    assert locked.send(b"GIF89a").status == 401
    for path in ("/", "/page/main.js", f"{API}/health", f"{API}/ready"):
        assert locked.ask("GET", path).status == 200


def test_the_token_opens_it_as_header_and_as_cookie(locked: Client) -> None:
    assert locked.get("/jobs", Authorization=f"Bearer {TOKEN}").status == 200
    for wrong in (f"Bearer {TOKEN}x", "Bearer", f"Basic {TOKEN}", "Bearer \xe4"):
        assert locked.get("/jobs", Authorization=wrong).status == 401
    assert locked.post("/session", {"token": "wrong"}).status == 401
    given = locked.post("/session", {"token": TOKEN})
    cookie = given.headers["set-cookie"]
    assert given.status == 204
    assert {"httponly", "samesite=strict"} <= {part.strip().lower() for part in cookie.split(";")}
    assert locked.get("/jobs", Cookie=cookie.partition(";")[0]).status == 200


def test_paths_lead_nowhere_else(client: Client) -> None:
    for path in (
        "/page/../app.py",
        "/page/%2e%2e/app.py",
        "/page//etc/passwd",
        "/page/..%2fapp.py",
    ):
        assert client.ask("GET", path).status == 404


def test_the_folders_are_for_their_user_alone(tmp_path: Path, settings_for) -> None:
    with serving(settings_for(tmp_path / "data")):
        modes = {path.stat().st_mode & 0o777 for path in tmp_path.glob("data/**/") if path.is_dir()}
    assert modes == {0o700}
