"""Secrets: what signs cookies and tokens of forms, and what is kept of secrets that others hold."""

import hmac
import secrets
from hashlib import sha256

from itsdangerous import BadSignature, Signer, URLSafeTimedSerializer


class Keys:
    """Everything that is made of the one secret of this installation; each use has a key of its own.

    Parameters
    ----------
    secret
        At least 32 bytes that nobody else knows.
    """

    def __init__(self, secret: bytes) -> None:
        self._secret = secret
        self._sessions = Signer(self._key("session"), digest_method=sha256)

    def _key(self, use: str) -> bytes:
        return hmac.new(self._secret, use.encode(), "sha256").digest()

    def sign(self, session: str) -> str:
        """Sign a session's secret for its cookie."""
        return self._sessions.sign(session).decode()

    def unsign(self, cookie: str) -> str | None:
        """Read a session's secret from a cookie; ``None`` when it is not of our making."""
        try:
            return self._sessions.unsign(cookie).decode()
        except BadSignature:
            return None

    def form_token(self, session: str) -> str:
        """What the forms of a session send to prove that they are ours."""
        return hmac.new(self._key("form"), session.encode(), "sha256").hexdigest()

    def parcel(self, use: str) -> URLSafeTimedSerializer:
        """Give what packs small facts into a cookie for some minutes."""
        return URLSafeTimedSerializer(self._key(use), signer_kwargs={"digest_method": sha256})


def new_secret() -> str:
    """Make a secret that nobody can guess: 256 bits."""
    return secrets.token_urlsafe(32)


def digest(secret: str) -> str:
    """What is kept of a secret. It is as long as a key, so a plain hash cannot be tried out."""
    return sha256(secret.encode()).hexdigest()
