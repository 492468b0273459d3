"""What every request must pass, and what every answer carries, whatever it asks for.

Pages of other sites may send requests to a server on this machine, and names of other sites may be
made to lead to it. So a request must name this server as its host, and one that changes something
must come from our own page, or from no page at all.
"""

import hmac
import secrets
from collections.abc import Collection, Iterable
from http.cookies import CookieError, SimpleCookie

from starlette.datastructures import Headers, MutableHeaders
from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

COOKIE = "deeptell_token"
SESSION = "/api/v1/session"
_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})
# What a browser needs to ask for the token, and what a supervisor asks.
_OPEN = ("/api/v1/health", "/api/v1/ready", SESSION)

POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; "
    "media-src 'self'; connect-src 'self'; font-src 'self'; form-action 'self'; base-uri 'none'; "
    "frame-ancestors 'none'"
)
_HEADERS = {
    "content-security-policy": POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
    "cache-control": "no-store",
}


class Guard:
    """Middleware around the whole application.

    Args:
        hosts: names, without a port, under which this server is asked.
        token: what everybody must know; None: nobody is asked.
    """

    def __init__(self, app: ASGIApp, *, hosts: Collection[str], token: str | None) -> None:
        self._app, self._hosts, self._token = app, frozenset(hosts), token

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Let a request pass, or answer it."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return

        async def with_headers(message: Message) -> None:
            if message["type"] == "http.response.start":
                headers = MutableHeaders(scope=message)
                for name, value in _HEADERS.items():
                    headers.setdefault(name, value)
            await send(message)

        refused = self._why_refused(scope)
        if refused is None:
            await self._app(scope, receive, with_headers)
        else:
            status, reason = refused
            extra = {"www-authenticate": "Bearer"} if status == 401 else {}
            answer = JSONResponse({"detail": reason}, status, headers=extra)
            await answer(scope, receive, with_headers)

    def _why_refused(self, scope: Scope) -> tuple[int, str] | None:
        headers = Headers(scope=scope)
        if _name_of(headers.get("host", "")) not in self._hosts:
            return 421, "This server is not asked under that name: use the address it printed."
        if scope["method"] not in _SAFE and not _is_ours(headers):
            return 403, "Only the page of this server may ask that."
        if self._token is None or self._is_open(scope["path"]) or self._knows(headers):
            return None
        return 401, "A token is needed: send it as 'Authorization: Bearer TOKEN'."

    def _is_open(self, path: str) -> bool:
        return path in _OPEN or path == "/" or path.startswith("/page/")

    def _knows(self, headers: Headers) -> bool:
        assert self._token is not None
        return any(is_token(given, self._token) for given in _given(headers))


def is_token(given: str, token: str) -> bool:
    """Whether it is, in a time that does not tell how much of it is right."""
    return hmac.compare_digest(given.encode(), token.encode())


def new_token() -> str:
    """43 characters that nobody can guess."""
    return secrets.token_urlsafe(32)


def _given(headers: Headers) -> Iterable[str]:
    kind, _, token = headers.get("authorization", "").partition(" ")
    if kind.lower() == "bearer":
        yield token.strip()
    try:
        cookie = SimpleCookie(headers.get("cookie", ""))
    except CookieError:
        return
    if COOKIE in cookie:
        yield cookie[COOKIE].value


def _is_ours(headers: Headers) -> bool:
    """Whether our own page asks, or something that is no page: browsers say so themselves."""
    if headers.get("sec-fetch-site", "none") not in ("same-origin", "none"):
        return False
    origin = headers.get("origin")
    return origin is None or origin.partition("://")[2] == headers.get("host")


def _name_of(host: str) -> str:
    """The name in a host header, without the port."""
    name = host.rpartition(":")[0] if host.rpartition(":")[2].isdigit() else host
    return name.strip("[]").lower()
