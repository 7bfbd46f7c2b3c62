"""Catalogues: service types and sites of a zone, and the common ones of all zones."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Annotated

from fastapi import APIRouter, Depends
from pydantic import Field
from starlette.responses import JSONResponse, Response

from engine.intake import Directory
from ningju.console.batches import Change, Intent, Part, as_seen, ask_all
from ningju.console.bodies import body, documented
from ningju.console.callers import Calling
from ningju.console.items import Items, M, Mode, Sieve, chunks
from ningju.console.problems import not_found
from ningju.console.roster import ROSTER_LIMIT
from ningju.console.sending import API
from ningju.console.services import AtSite
from schemas.base import Frozen, Identifier
from schemas.catalogue import ServiceType, Site
from schemas.commands import ChangeCatalogue
from schemas.views import ZoneView

router = APIRouter(prefix=API, tags=["catalogues"])


class CatalogueIn(Frozen):
    """Service types and sites, each looked at by itself; the ``removed_*`` lists belong to a patch."""

    service_types: Items = ()
    sites: Items = ()
    removed_service_types: Annotated[tuple[Identifier, ...], Field(max_length=10_000)] = ()
    removed_sites: Annotated[tuple[Identifier, ...], Field(max_length=10_000)] = ()
    seen: Annotated[
        int | dict[Identifier, Annotated[int, Field(ge=0)]] | None,
        Field(
            description="`version` of the zone that was looked at, or `versions` of all zones; 409 `catalogue_changed` "
            "when somebody has changed the catalogue since"
        ),
    ] = None

    def seen_of(self, zones: Iterable[str]) -> dict[str, int]:
        """The version of each zone that was looked at, as far as it was said."""
        if self.seen is None:
            return {}
        return self.seen if isinstance(self.seen, dict) else dict.fromkeys(zones, self.seen)


Types = dict[str, tuple[int, ServiceType]]
Sites = dict[str, tuple[int, Site]]


@router.get("/catalogue")
async def show_catalogue(site: AtSite) -> Response:
    """Every service type and site of all zones; what is common is listed once."""
    views = await site.store.zones()
    return JSONResponse({"versions": {view.zone: view.version for view in views}} | _lists(views))


@router.get("/zones/{zone}/catalogue")
async def show_zone_catalogue(site: AtSite, zone: str) -> Response:
    """What a zone offers and where, and the zone's version that it reflects."""
    version = await site.version(zone)
    view = await site.store.zone(zone)
    if version is None or view is None:
        raise not_found("zone", zone)
    return JSONResponse({"zone": zone, "version": version} | _lists([view]))


@router.put("/catalogue", openapi_extra=documented(CatalogueIn))
async def put_catalogue(
    site: AtSite,
    caller: Calling,
    told: Annotated[CatalogueIn, Depends(body(CatalogueIn, limit=ROSTER_LIMIT))],
    mode: Mode = "whole",
) -> Response:
    """Set the catalogue of all zones: common service types everywhere, featured ones and sites in their own zone.

    What a list that is sent does not name leaves; a list that is not sent stays.
    """
    views, sieve = await site.store.zones(), Sieve()
    parts = [part for intent in intend_all(views, told, mode, sieve) for part in intent.parts]
    parts = as_seen(parts, told.seen_of(view.zone for view in views))
    return await ask_all(site, caller, parts, sieve, zones=[view.zone for view in views])


@router.put("/zones/{zone}/catalogue", openapi_extra=documented(CatalogueIn))
async def put_zone_catalogue(
    site: AtSite,
    caller: Calling,
    zone: str,
    told: Annotated[CatalogueIn, Depends(body(CatalogueIn, limit=ROSTER_LIMIT))],
    mode: Mode = "whole",
) -> Response:
    """Set the lists of one zone's catalogue that are sent, or with ``mode=patch`` add, replace and remove."""
    views = {view.zone: view for view in await site.store.zones()}
    if zone not in views:
        raise not_found("zone", zone)
    sieve = Sieve()
    intent = intend(views, zone, told, mode, sieve)
    return await ask_all(site, caller, as_seen(intent.parts, told.seen_of([zone])), sieve, zone=zone)


def intend_all(views: Sequence[ZoneView], told: CatalogueIn, mode: Mode, sieve: Sieve) -> list[Intent]:
    """Write what differs from the catalogues of all zones as commands; nothing is given yet."""
    types, sites = _sift(told, sieve, Directory.of(views))
    intents = []
    for view in views:
        own_sites = {name: item for name, item in sites.items() if item[1].zone == view.zone}
        names = {view.zone, *(item.id for item in view.sites), *own_sites}
        own_types = {name: item for name, item in types.items() if item[1].featured_by in {None, *names}}
        intents.append(_intent(view, told, sieve, own_types, own_sites, mode))
    return intents


def intend(views: Mapping[str, ZoneView], zone: str, told: CatalogueIn, mode: Mode, sieve: Sieve) -> Intent:
    """Write what differs from one zone's catalogue as commands; nothing is given yet."""
    types, sites = _sift(told, sieve, Directory.of(views.values()))
    for name, (index, place) in list(sites.items()):
        if place.zone != zone:
            reason = f"is {place.zone!r}; this is the catalogue of {zone!r}"
            sieve.refuse("sites", index, name, "zone", "wrong_zone", reason)
            del sites[name]
    names = {None, zone, *(item.id for item in views[zone].sites), *sites}
    for name, (index, item) in list(types.items()):
        if item.featured_by not in names:
            reason = f"{item.featured_by!r} is neither this zone nor one of its sites"
            sieve.refuse("service_types", index, name, "featured_by", "wrong_zone", reason)
            del types[name]
    return _intent(views[zone], told, sieve, types, sites, mode)


def _sift(told: CatalogueIn, sieve: Sieve, directory: Directory) -> tuple[Types, Sites]:
    """Keep the items that can stand together with what is there."""
    types = sieve.read("service_types", ServiceType, told.service_types)
    sites = sieve.read("sites", Site, told.sites)
    for name, (index, place) in list(sites.items()):
        owner = directory.sites.get(name)
        unknown = sorted(item for item in place.featured if item not in types and not directory.offers(item))
        if place.zone not in directory.versions:
            sieve.refuse("sites", index, name, "zone", "unknown_zone", f"there is no zone {place.zone!r}")
        elif owner is not None and owner.zone != place.zone and name not in told.removed_sites:
            reason = f"belongs to {owner.zone!r}; remove the site there first"
            sieve.refuse("sites", index, name, "id", "belongs_elsewhere", reason)
        elif unknown:
            sieve.refuse("sites", index, name, "featured", "unknown_service_type", f"unknown: {', '.join(unknown[:5])}")
        else:
            continue
        del sites[name]
    places = {*directory.versions, *directory.sites, *sites}
    for name, (index, item) in list(types.items()):
        if item.featured_by is not None and item.featured_by not in places:
            reason = f"{item.featured_by!r} is neither a zone nor a site"
            sieve.refuse("service_types", index, name, "featured_by", "unknown_zone", reason)
            del types[name]
    return types, sites


def _intent(view: ZoneView, told: CatalogueIn, sieve: Sieve, types: Types, sites: Sites, mode: Mode) -> Intent:
    """Write what differs from a zone's catalogue as commands."""
    old_types = {item.id: item for item in view.service_types}
    old_sites = {item.id: item for item in view.sites}
    removed_types, removed_sites = set(told.removed_service_types), set(told.removed_sites)
    if mode == "whole":
        removed_types |= sieve.leaving("service_types", told, old_types, types)
        removed_sites |= sieve.leaving("sites", told, old_sites, sites)
    removed_types &= set(old_types) - set(types)
    removed_sites &= set(old_sites) - set(sites)

    new_types, new_sites = _changed(types, old_types), _changed(sites, old_sites)
    parts = []
    for some in chunks(new_types):
        items = tuple(("service_types", types[item.id][0], item.id) for item in some)
        parts.append(Part(view.zone, ChangeCatalogue(service_types=tuple(some)), items))
    for places in chunks(new_sites):
        items = tuple(("sites", sites[item.id][0], item.id) for item in places)
        parts.append(Part(view.zone, ChangeCatalogue(sites=tuple(places)), items))
    if removed_types or removed_sites:
        gone = ChangeCatalogue(
            removed_service_types=tuple(sorted(removed_types)), removed_sites=tuple(sorted(removed_sites))
        )
        named = [("removed_service_types", None, name) for name in gone.removed_service_types]
        named += [("removed_sites", None, name) for name in gone.removed_sites]
        parts.append(Part(view.zone, gone, tuple(named)))
    changes = [Change("service_types", item.id, old_types.get(item.id), item) for item in new_types]
    changes += [Change("sites", item.id, old_sites.get(item.id), item) for item in new_sites]
    changes += [Change("service_types", name, old_types[name], None) for name in sorted(removed_types)]
    changes += [Change("sites", name, old_sites[name], None) for name in sorted(removed_sites)]
    unchanged = len(types) - len(new_types) + len(sites) - len(new_sites)
    return Intent(view.zone, tuple(parts), tuple(changes), unchanged)


def _changed(new: Mapping[str, tuple[int, M]], old: Mapping[str, M]) -> list[M]:
    return [item for name, (_, item) in new.items() if old.get(name) != item]


def _lists(views: Sequence[ZoneView]) -> dict[str, object]:
    types = {(item.id, item.featured_by): item for view in views for item in view.service_types}
    sites = [item for view in views for item in view.sites]
    return {
        "service_types": [item.model_dump(mode="json") for item in types.values()],
        "sites": [item.model_dump(mode="json") for item in sites],
    }
