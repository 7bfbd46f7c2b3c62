"""The catalogue: service types, common and featured, sites with their two lists; and the forms of both."""

from hashlib import sha256
from typing import Any

from starlette.responses import Response

from ningju.console.pages.facts import ASKED, LEVELS, facts
from ningju.console.pages.faults import NONE, Faults, Values, placed, typed
from ningju.console.pages.frame import AtFrame, Frame
from ningju.console.pages.orders import Form, form_of, number
from ningju.console.pages.preview import CHANGED_MEANWHILE, EVERYWHERE, Wish, look, preview
from ningju.console.pages.routing import pages
from ningju.console.pages.teams import NEW, THERE, WRONG_NAME, named_and_placed, names, place, somewhere
from ningju.console.problems import not_found
from schemas.base import Label
from schemas.catalogue import ServiceType, Site
from schemas.views import ZoneView

router = pages()

BLANK = 2
MOST_DEMANDS = 10
LENGTHS = {
    "duration_s": ("Takes, in minutes", 60, 1, 1_440),
    "response_target_s": ("To be asked within, in minutes", 60, 0, 166_666),
    "completion_target_s": ("To be done within, in hours", 3_600, 0, 2_777),
    "notice_s": ("People are asked at most before, in hours", 3_600, 0, 2_777),
}
"""Lengths of time of a service, with the unit of their form in seconds and its bounds."""
SWITCHES = {"quiet_hours": "Keeps quiet hours", "needs_triage": "New ones are triaged", "one_team": "One team only"}
WRONG_CREW = "A crew needs at least one skill, a level from 1 to 5 and 1 to 20 heads each."
WRONG_NUMBER = "A number is missing or out of its bounds."


@router.get("/catalogue")
async def show(frame: AtFrame) -> Response:
    """The page: what one zone offers, and where."""
    asked = frame.request.query_params.get("zone", "")
    zone = asked if asked in frame.views else next(iter(frame.views), "")
    view = frame.views.get(zone)
    types = sorted(view.service_types, key=lambda item: frame.speech.label(item.name)) if view else []
    return frame.page(
        "catalogue.html",
        title="Catalogue",
        zone=zone,
        common=[item for item in types if item.featured_by is None],
        featured=[item for item in types if item.featured_by is not None],
        sites=sorted(view.sites, key=lambda site: frame.speech.label(site.name)) if view else [],
        owner=lambda item: _owner(frame, item),
        hands=frame.may("POST", "/catalogue/import"),
    )


def _owner(frame: Frame, item: ServiceType) -> str:
    name = item.featured_by or ""
    return frame.speech.zone(name) if name in frame.views else frame.speech.site("", name)


@router.get("/catalogue/{zone}/services/{service}")
async def show_service(frame: AtFrame, zone: str, service: str) -> Response:
    """One service type."""
    view, item = _service(frame, zone, service)
    return _service_page(frame, view, item)


@router.post("/catalogue/{zone}/services/{service}")
async def edit_service(frame: AtFrame, zone: str, service: str) -> Response:
    """Read the form, and show what it would change."""
    form, (view, item) = await form_of(frame), _service(frame, zone, service)
    fresh, body, faults = service == NEW, item.model_dump(mode="json"), dict[str, str]()
    if not fresh and form.one("seen") != hash_of(item):
        faults[""] = CHANGED_MEANWHILE
    if fresh:
        body["id"] = form.one("id")
        if body["id"] in {other.id for other in view.service_types}:
            faults["id"] = THERE
    if (name := names(form)) is None:
        faults["zh"] = WRONG_NAME
    body["name"], body["demands"] = name, _demands(form, faults)
    for field, (_, unit, least, most) in LENGTHS.items():
        told, standing = form.one(field), getattr(item, field)
        if told != f"{standing / unit:g}":
            length = number(told)
            if length is None or not least <= length <= most:
                faults[field] = WRONG_NUMBER
                continue
            body[field] = length * unit
    reach, priority = number(form.one("reach_m")), number(form.one("priority"))
    if reach is None and form.one("reach_m"):
        faults["reach_m"] = WRONG_NUMBER
    if priority is None or not 1 <= priority <= 5:
        faults["priority"] = WRONG_NUMBER
    body |= {"reach_m": reach, "priority": priority}
    body |= {field: form.one(field) == "yes" for field in SWITCHES}
    body |= {"served_at": form.one("served_at") or None, "offered_to": form.one("offered_to") or "volunteer"}
    owners = {"", zone, *(site.id for site in view.sites), item.featured_by or ""}
    body["featured_by"] = (form.one("featured_by") or None) if form.one("featured_by") in owners else item.featured_by
    if faults:
        said = {field: frame.say(fault) for field, fault in faults.items()}
        return _service_page(frame, view, item, form, said)
    everywhere = form.one("everywhere") == "yes" and body["featured_by"] is None
    lists = {EVERYWHERE if everywhere else zone: {"service_types": [body]}}
    back = f"/catalogue?zone={zone}" if fresh else f"/catalogue/{zone}/services/{service}"
    wish = Wish(kind="catalogue", lists=lists, back=back)
    found = await look(frame, wish)
    if refused := placed(frame, found):
        return _service_page(frame, view, item, form, refused)
    return await preview(frame, wish, found=found)


def hash_of(item: ServiceType | Site) -> str:
    """What a form was filled in from: a zone's version changes with every event, an item seldom."""
    return sha256(item.dump()).hexdigest()[:16]


def _demands(form: Form, faults: dict[str, str]) -> list[dict[str, Any]]:
    demands = []
    for n in range(MOST_DEMANDS):
        if not form.one(f"skill{n}"):
            continue
        level, heads = number(form.one(f"level{n}")), number(form.one(f"heads{n}"))
        if level is None or heads is None or not 1 <= level <= 5 or not 1 <= heads <= 20:
            faults[f"skill{n}"] = WRONG_CREW
            continue
        demands.append({"skill": form.one(f"skill{n}"), "level": level, "heads": heads})
    if not demands:
        faults.setdefault("skill0", WRONG_CREW)
    return demands


def _service(frame: Frame, zone: str, name: str) -> tuple[ZoneView, ServiceType]:
    view = frame.views.get(zone)
    if view is not None and name == NEW and frame.may("POST", "/catalogue/{zone}/services/{service}"):
        return view, ServiceType.built(id=NEW, name=Label(zh="", en=""), demands=(), duration_s=3_600)
    found = next((item for item in view.service_types if item.id == name), None) if view is not None else None
    if view is None or found is None:
        raise not_found("service type", name)
    return view, found


def _shown(item: ServiceType) -> Values:
    """A service as the form's fields."""
    values = {"id": "", "zh": item.name.zh, "en": item.name.en, "priority": str(item.priority), "everywhere": "yes"}
    for n, one in enumerate(item.demands):
        values |= {f"skill{n}": one.skill, f"level{n}": str(one.level), f"heads{n}": str(one.heads)}
    values |= {name: f"{getattr(item, name) / unit:g}" for name, (_, unit, *_) in LENGTHS.items()}
    values |= {name: "yes" if getattr(item, name) else "" for name in SWITCHES}
    values |= {name: getattr(item, name) or "" for name in ("featured_by", "served_at", "offered_to")}
    return values | {"reach_m": "" if item.reach_m is None else str(item.reach_m)}


def _service_page(
    frame: Frame, view: ZoneView, item: ServiceType, form: Form | None = None, faults: Faults = NONE
) -> Response:
    fresh, values = item.id == NEW, typed(form) if form is not None else _shown(item)
    offering = [one for one in frame.views.values() if fresh or any(other.id == item.id for other in one.service_types)]
    filled = max((n for n in range(MOST_DEMANDS) if values.get(f"skill{n}")), default=-1) + 1
    skills = {demand.skill for one in view.service_types for demand in one.demands}
    return frame.page(
        "service.html",
        422 if faults else 200,
        title="Service",
        view=view,
        item=item,
        facts=facts(frame, item) if not fresh else [],
        seen=hash_of(item),
        faults=faults,
        lengths=LENGTHS,
        switches=SWITCHES,
        levels=LEVELS,
        asked=ASKED,
        skills=sorted(skills),
        fresh=fresh,
        values=values,
        lines=range(min(MOST_DEMANDS, filled + BLANK)),
        zones=len(offering),
        hands=frame.may("POST", "/catalogue/{zone}/services/{service}"),
    )


@router.get("/catalogue/{zone}/sites/{site}")
async def show_site(frame: AtFrame, zone: str, site: str) -> Response:
    """One site with its two lists."""
    view, item = _site(frame, zone, site)
    return _site_page(frame, view, item)


@router.post("/catalogue/{zone}/sites/{site}")
async def edit_site(frame: AtFrame, zone: str, site: str) -> Response:
    """Read the form, and show what it would change."""
    form, (view, item) = await form_of(frame), _site(frame, zone, site)
    fresh, name, where = site == NEW, names(form), place(form)
    faults = named_and_placed(frame, name, where)
    if not fresh and form.one("seen") != hash_of(item):
        faults[""] = frame.say(CHANGED_MEANWHILE)
    if fresh and form.one("id") in {other.id for other in view.sites}:
        faults["id"] = frame.say(THERE)
    if faults:
        return _site_page(frame, view, item, form, faults)
    chosen = [one for one in form.many("featured") if any(one == other.id for other in view.service_types)]
    body = item.model_dump(mode="json") | {"name": name, "place": where, "kind": form.one("kind") or item.kind}
    body["featured"] = list(item.featured) if set(chosen) == set(item.featured) else chosen
    body["id"] = form.one("id") if fresh else site
    lists, back = {zone: {"sites": [body]}}, f"/catalogue?zone={zone}" if fresh else f"/catalogue/{zone}/sites/{site}"
    wish = Wish(kind="catalogue", lists=lists, back=back)
    found = await look(frame, wish)
    if faults := placed(frame, found):
        return _site_page(frame, view, item, form, faults)
    return await preview(frame, wish, found=found)


def _site(frame: Frame, zone: str, name: str) -> tuple[ZoneView, Site]:
    view = frame.views.get(zone)
    if view is not None and name == NEW and frame.may("POST", "/catalogue/{zone}/sites/{site}"):
        return view, Site.built(id=NEW, zone=zone, name=Label(zh="", en=""), place=somewhere(view))
    found = next((item for item in view.sites if item.id == name), None) if view is not None else None
    if view is None or found is None:
        raise not_found("site", name)
    return view, found


def _site_page(frame: Frame, view: ZoneView, item: Site, form: Form | None = None, faults: Faults = NONE) -> Response:
    shown = {"id": "", "zh": item.name.zh, "en": item.name.en, "kind": item.kind}
    shown |= {"lon": str(item.place.lon), "lat": str(item.place.lat)}
    types = sorted(view.service_types, key=lambda one: frame.speech.label(one.name))
    return frame.page(
        "site.html",
        422 if faults else 200,
        title="Site",
        fresh=item.id == NEW,
        view=view,
        item=item,
        seen=hash_of(item),
        common=[one for one in types if one.featured_by is None],
        featured=[one for one in types if one.id in item.featured or one.featured_by in (view.zone, item.id)],
        values=typed(form) if form is not None else shown,
        chosen=form.many("featured") if form is not None else item.featured,
        choices=[one for one in types if one.featured_by is not None or one.id in item.featured],
        kinds=sorted({item.kind, *(one.kind for other in frame.views.values() for one in other.sites)}),
        faults=faults,
        hands=frame.may("POST", "/catalogue/{zone}/sites/{site}"),
    )
