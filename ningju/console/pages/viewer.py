"""Who looks at a page. Where nobody has to sign in it is the operator of this machine."""

from dataclasses import dataclass

from fastapi import Request

from ningju.console.access import LOCAL as LOCAL_USER
from ningju.console.access import User
from schemas.envelope import Actor


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and whether they have signed in; ``token`` goes into each form."""

    actor: Actor
    name: str
    signed_in: bool = False
    token: str = ""
    user: User = LOCAL_USER


def viewer_of(request: Request) -> Viewer:
    """Whoever the gate has let in; on a page that tells why it did not, nobody in particular."""
    user = getattr(request.state, "user", None)
    if not isinstance(user, User):
        return Viewer(LOCAL_USER.actor, "")
    local = user.means == "local"
    return Viewer(user.actor, "" if local else user.name, not local, user.csrf, user)
