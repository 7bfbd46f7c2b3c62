"""Who looks at a page. Until somebody has signed in it is the operator of this machine."""

from dataclasses import dataclass

from fastapi import Request

from schemas.envelope import Actor


@dataclass(frozen=True, slots=True)
class Viewer:
    """Who looks, and whether they have signed in; ``token`` goes into each form where forms are guarded by one."""

    actor: Actor
    name: str
    signed_in: bool = False
    token: str = ""

    @property
    def key(self) -> str:
        """``kind:id``, as the ledger and the audit name them."""
        return f"{self.actor.kind}:{self.actor.id}"


LOCAL = Viewer(Actor(kind="operator", id="local"), "")


def viewer_of(request: Request) -> Viewer:
    """Whoever sign-in has found, else the operator of this machine."""
    found = getattr(request.state, "viewer", None)
    return found if isinstance(found, Viewer) else LOCAL
