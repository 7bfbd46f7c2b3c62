"""How people and programs come in, as settings say."""

import os
from pathlib import Path

from ningju.console.claims import Claims
from ningju.console.gate import Entrance, Provider
from ningju.console.keys import new_secret
from ningju.settings import Settings

NAME = "secret"


def entrance(settings: Settings) -> Entrance:
    """Put the entrance together.

    Raises
    ------
    ValueError
        When several processes are to serve and each would make a secret of its own.
    """
    return Entrance(
        secret=secret_of(settings),
        provider=_provider(settings),
        address=settings.address.rstrip("/"),
        session_s=settings.session_hours * 3_600,
        sign_ins=settings.sign_in_rate,
        intake=settings.intake_rate,
        jurisdiction=settings.open311_jurisdiction,
    )


def secret_of(settings: Settings) -> str:
    """The secret of this installation: the settings', or one in a file beside the ledger, made when it is first asked for.

    Raises
    ------
    ValueError
        When several processes share the ledger: a file of one machine is not enough then.
    """
    if settings.secret is not None:
        return settings.secret.get_secret_value()
    if settings.shared:
        if settings.signs_in:
            raise ValueError("give NINGJU_SECRET, the same in every process: `openssl rand -hex 32` makes one")
        return new_secret()
    settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
    return _kept(settings.data / NAME)


def _kept(file: Path) -> str:
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except FileExistsError:
        kept = file.read_text(encoding="ascii").strip()
        if len(kept) < 32:
            raise ValueError(f"{file} holds no secret; delete it, and everybody signs in again") from None
        return kept
    made = new_secret()
    with os.fdopen(handle, "w", encoding="ascii") as out:
        out.write(made)
    return made


def _provider(settings: Settings) -> Provider | None:
    if settings.oidc_issuer is None:
        return None
    secret = settings.oidc_secret
    return Provider(
        issuer=settings.oidc_issuer,
        client=settings.oidc_client or "",
        secret="" if secret is None else secret.get_secret_value(),
        scope=settings.oidc_scope,
        claims=Claims(settings.role_claim, settings.role_names, settings.zone_claim),
    )
