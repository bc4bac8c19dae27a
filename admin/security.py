"""What protects the pages whatever they show: the key of the cookies, response headers, host names, the login limit.

Nothing about who may see what: that is admin.access.
"""

from __future__ import annotations

import ipaddress
import os
import secrets
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from flask import Flask, Response, abort, request
from flask.sessions import SecureCookieSessionInterface
from flask_limiter import Limiter
from itsdangerous import BadData

from admin.proxy import TrustedProxies
from contracts.settings import Admin

# Everything is our own file; there is no script at all, and no style but in files. `data:` is Bootstrap's own icons.
CONTENT_POLICY = (
    "default-src 'none'; style-src 'self'; img-src 'self' data:; "
    "form-action 'self'; base-uri 'none'; frame-ancestors 'none'"
)
STATIC = ("static", "bootstrap.static")


def secret_key(path: Path) -> bytes:
    """The key that signs cookies, made at the first start. Whoever reads it can forge them: mode 0600."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o750)
    draft = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    if not path.exists():
        descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode())
            file.flush()
            os.fsync(descriptor)
        try:
            os.link(draft, path)  # whole or not at all, and never over another process's key
        except FileExistsError:
            pass
        finally:
            draft.unlink()
    key = path.read_bytes().strip()
    if len(key) < 32:
        raise ValueError(f"{path}: too short for a key; remove it to have a new one made (people must log in again)")
    return key


def install(app: Flask, settings: Admin) -> None:
    """Whose request it is, host names at every request, headers on every response."""
    app.wsgi_app = TrustedProxies(app.wsgi_app, settings.trusted_proxies)  # type: ignore[method-assign]  # Flask's way
    names = _own_names(settings)

    @app.before_request
    def host_is_ours() -> None:
        if names and _host(request.host) not in names:
            abort(400)

    @app.after_request
    def headers(response: Response) -> Response:
        response.headers["Content-Security-Policy"] = CONTENT_POLICY
        response.headers["X-Content-Type-Options"] = "nosniff"
        response.headers["X-Frame-Options"] = "DENY"
        response.headers["Referrer-Policy"] = "same-origin"
        response.headers["Cross-Origin-Opener-Policy"] = "same-origin"
        response.headers["Cross-Origin-Resource-Policy"] = "same-origin"
        if request.endpoint not in STATIC:
            response.headers["Cache-Control"] = "no-store"
        return response


def carries_login(app: Flask, cookie: str) -> bool:
    """Whether this cookie is one we gave to somebody who logged in; if that login still holds, is not asked here."""
    signed = SecureCookieSessionInterface().get_signing_serializer(app)
    try:
        return signed is not None and "_user_id" in signed.loads(cookie)
    except BadData:
        return False


def _own_names(settings: Admin) -> frozenset[str]:
    """Host names answered. Without TLS a foreign name could be pointed at us, and its page read what we show.

    Behind a TLS proxy (secure cookies) the certificate prevents that, and the public name is the proxy's to know.
    """
    if settings.secure_cookies:
        return frozenset()
    return frozenset({"localhost", "127.0.0.1", "::1", str(settings.listen.address)})


def _host(text: str) -> str | None:
    try:
        return urlsplit(f"//{text}").hostname
    except ValueError:
        return None


def limit_logins(app: Flask, limit: str, endpoints: tuple[str, ...]) -> None:
    """Passwords may be tried so often per client; beyond it the answer is 429. The count is this process's own."""
    limiter = Limiter(client_network, app=app, storage_uri="memory://")
    for endpoint in endpoints:
        limited: Any = limiter.shared_limit(limit, scope="password", methods=["POST"])(app.view_functions[endpoint])
        app.view_functions[endpoint] = limited


def client_network() -> str:
    """The client's address; of IPv6 its /64, which one machine may have for itself alone."""
    address = ipaddress.ip_address(request.remote_addr or "::")
    if address.version == 6:
        return str(ipaddress.ip_network((address, 64), strict=False))
    return str(address)
