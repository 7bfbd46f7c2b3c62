"""Rows of tables as the JSON that REST takes; columns by their English or Chinese names."""

from collections.abc import Callable, Mapping
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

Row = Mapping[str, str]

CHINESE = {
    "编号": "id",
    "服务项目": "service_type",
    "站点": "site",
    "经度": "lon",
    "纬度": "lat",
    "开始": "start",
    "结束": "end",
    "姓名": "name",
    "电话": "phone",
    "地址": "address",
    "服务对象": "beneficiary",
    "优待": "tier",
    "指定": "preferred",
    "回避": "blocked",
    "优先级": "priority",
    "技能": "skills",
    "时长": "duration_s",
    "数量": "load",
    "备注": "note",
    "来源": "source",
    "服务队": "team",
    "区域": "zone",
    "队长": "leader",
    "空闲": "weekly",
    "每日": "visits_per_day",
    "每周": "visits_per_week",
    "每周派单": "offers_per_week",
    "范围": "reach_m",
    "出行": "travel",
    "暂停": "paused",
    "名称": "zh",
    "英文": "en",
    "类别": "kind",
    "特色项目": "featured",
    "服务区域": "zones_served",
    "响应时限": "response_target_s",
    "完成时限": "completion_target_s",
    "提前": "notice_s",
}

DAYS = ("mon", "tue", "wed", "thu", "fri", "sat", "sun")
TRAVEL = {"步行": "walk", "自行车": "bicycle", "公交": "transit", "汽车": "car"}
YES, NO = {"yes", "true", "1", "是"}, {"no", "false", "0", "否"}


class BadRow(ValueError):
    """A row that cannot be read: the column, and what it should hold."""

    def __init__(self, column: str, text: str) -> None:
        super().__init__(f"{column}: {text}")


def _whole(column: str, text: str) -> int:
    try:
        return int(text)
    except ValueError:
        raise BadRow(column, f"{text!r} is no whole number") from None


def _real(column: str, text: str) -> float:
    try:
        return float(text)
    except ValueError:
        raise BadRow(column, f"{text!r} is no number") from None


def _truth(column: str, text: str) -> bool:
    if text.lower() in YES | NO:
        return text.lower() in YES
    raise BadRow(column, f"{text!r} is neither yes nor no")


def _text(_: str, text: str) -> str:
    return text


def _names(_: str, text: str) -> list[str]:
    return [part.strip() for part in text.replace("；", ";").replace("、", ";").split(";") if part.strip()]


def _demands(column: str, text: str) -> list[dict[str, Any]]:
    """Read ``care:2:1;talk``: skill, level, heads."""
    return [_skill(column, part, ("skill", "level", "heads")) for part in _names(column, text)]


def _held(column: str, text: str) -> list[dict[str, Any]]:
    """Read ``care:2;talk``: skill, level."""
    return [_skill(column, part, ("skill", "level")) for part in _names(column, text)]


def _skill(column: str, text: str, names: tuple[str, ...]) -> dict[str, Any]:
    parts = text.replace("：", ":").split(":")
    if len(parts) > len(names) or not parts[0]:
        raise BadRow(column, f"{text!r} is not {':'.join(names)}")
    return {"skill": parts[0].strip()} | {
        name: _whole(column, part) for name, part in zip(names[1:], parts[1:], strict=False)
    }


def _weekly(column: str, text: str) -> list[dict[str, int]]:
    """Read ``mon 08:00-11:30;sat 13:00-17:00``."""
    slots = []
    for part in _names(column, text):
        try:
            day, _, hours = part.partition(" ")
            start, _, end = hours.partition("-")
            slots.append({"weekday": DAYS.index(day[:3].lower()), "start_min": _minute(start), "end_min": _minute(end)})
        except ValueError:
            raise BadRow(column, f"{part!r} is no slot such as 'mon 08:00-11:30'") from None
    return slots


def _minute(text: str) -> int:
    hour, minute = text.strip().split(":")
    if not 0 <= int(minute) < 60:
        raise ValueError
    return int(hour) * 60 + int(minute)


def _travel(_: str, text: str) -> str:
    return TRAVEL.get(text, text)


Reader = Callable[[str, str], Any]

REQUEST: dict[str, Reader] = {
    **dict.fromkeys(("id", "service_type", "site", "start", "end", "windows", "name", "phone", "address"), _text),
    **dict.fromkeys(("beneficiary", "note", "source"), _text),
    **dict.fromkeys(("lon", "lat"), _real),
    **dict.fromkeys(("tier", "priority", "duration_s", "load"), _whole),
    **dict.fromkeys(("preferred", "blocked"), _names),
    "demands": _demands,
}
TEAM: dict[str, Reader] = {
    **dict.fromkeys(("id", "zone", "zh", "en", "leader"), _text),
    **dict.fromkeys(("lon", "lat"), _real),
    "zones_served": _names,
}
VOLUNTEER: dict[str, Reader] = {
    **dict.fromkeys(("id", "team", "name", "phone"), _text),
    **dict.fromkeys(("lon", "lat"), _real),
    **dict.fromkeys(("visits_per_day", "visits_per_week", "offers_per_week", "reach_m"), _whole),
    "skills": _held,
    "weekly": _weekly,
    "travel": _travel,
    "paused": _truth,
}
SERVICE_TYPE: dict[str, Reader] = {
    **dict.fromkeys(("id", "zh", "en", "featured_by", "served_at", "offered_to"), _text),
    **dict.fromkeys(
        ("duration_s", "priority", "response_target_s", "completion_target_s", "reach_m", "notice_s"), _whole
    ),
    **dict.fromkeys(("quiet_hours", "needs_triage", "one_team"), _truth),
    "demands": _demands,
}
SITE: dict[str, Reader] = {
    **dict.fromkeys(("id", "zone", "zh", "en", "kind"), _text),
    **dict.fromkeys(("lon", "lat"), _real),
    "featured": _names,
}


def read(row: Row, columns: Mapping[str, Reader]) -> dict[str, Any]:
    """Read the cells that are not empty.

    Raises
    ------
    BadRow
        For an unknown column, or a cell that does not hold what its column should.
    """
    values = {}
    for column, text in row.items():
        name = CHINESE.get(column, column.lower())
        if name == "skills" and name not in columns:
            name = "demands"
        if name not in columns:
            raise BadRow(column, f"unknown column; known are {', '.join(columns)}")
        if text != "":
            values[name] = columns[name](column, text)
    return values


def request(row: Row, zone: ZoneInfo) -> dict[str, Any]:
    """Turn a row into a request; times without an offset are ``zone``'s."""
    values = read(row, REQUEST)
    body: dict[str, Any] = {
        name: values[name]
        for name in ("service_type", "site", "preferred", "blocked", "priority", "demands", "duration_s", "load")
        if name in values
    }
    body |= {name: values[name] for name in ("note", "source") if name in values}
    body |= _point(values, "place", required=False)
    body["windows"] = _windows(values, zone)
    who: dict[str, Any] = {name: values[name] for name in ("name", "phone", "address", "tier") if name in values}
    if "beneficiary" in values:
        who["id"] = values["beneficiary"]
    return body | ({"beneficiary": who} if who else {}) | ({"id": values["id"]} if "id" in values else {})


def team(row: Row) -> dict[str, Any]:
    """Turn a row into a team."""
    values = read(row, TEAM)
    return _named(values) | _point(values, "base") | _rest(values, "id", "zone", "leader", "zones_served")


def volunteer(row: Row) -> dict[str, Any]:
    """Turn a row into a volunteer."""
    values = read(row, VOLUNTEER)
    rest = {name: value for name, value in values.items() if name not in {"lon", "lat"}}
    return rest | _point(values, "home")


def service_type(row: Row) -> dict[str, Any]:
    """Turn a row into a service type."""
    values = read(row, SERVICE_TYPE)
    return _named(values) | {name: value for name, value in values.items() if name not in {"zh", "en"}}


def site(row: Row) -> dict[str, Any]:
    """Turn a row into a site."""
    values = read(row, SITE)
    return _named(values) | _point(values, "place") | _rest(values, "id", "zone", "kind", "featured")


def local(value: str, zone: ZoneInfo, column: str = "start") -> str:
    """Give a time its offset where it has none; ``2026-03-02 9:00`` and ``2026/3/2 9:00`` are understood."""
    text = value.strip().replace("/", "-")
    for form in ("", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d %H:%M"):
        try:
            moment = datetime.strptime(text, form) if form else datetime.fromisoformat(text)  # noqa: DTZ007
        except ValueError:
            continue
        return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).isoformat()
    raise BadRow(column, f"{value!r} is no time such as 2026-03-02T09:00")


def _windows(values: Mapping[str, Any], zone: ZoneInfo) -> list[dict[str, str]]:
    pairs = [tuple(part.partition("--")[::2]) for part in _names("windows", values.get("windows", ""))]
    if "start" in values or "end" in values:
        pairs.append((values.get("start", ""), values.get("end", "")))
    if not pairs:
        raise BadRow("start", "give start and end, or windows as start--end;start--end")
    return [{"start": local(start, zone), "end": local(end, zone, "end")} for start, end in pairs]


def _point(values: Mapping[str, Any], name: str, *, required: bool = True) -> dict[str, Any]:
    if "lon" in values and "lat" in values:
        return {name: {"lon": values["lon"], "lat": values["lat"]}}
    if required or "lon" in values or "lat" in values:
        raise BadRow("lon" if "lon" not in values else "lat", "give longitude and latitude in degrees")
    return {}


def _named(values: Mapping[str, Any]) -> dict[str, Any]:
    zh, en = values.get("zh", ""), values.get("en", "")
    return {"name": {"zh": zh or en, "en": en or zh}}


def _rest(values: Mapping[str, Any], *names: str) -> dict[str, Any]:
    return {name: values[name] for name in names if name in values}
