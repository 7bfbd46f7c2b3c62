"""Reasons and differences as sentences, in both languages of the screens."""

from collections.abc import Iterable, Sequence

from schemas.base import Label
from schemas.difference import ChangeKind, Difference, TermChange, VisitChange
from schemas.plan import Relaxation, Rule
from schemas.problem import TermName
from schemas.why import RunnerUp, WhyAssigned, WhyLeftOut

LONGEST = 200
NAMED = 3
"""Visits or people that a sentence names; of the rest it gives the number."""


def _label(zh: str, en: str) -> Label:
    return Label(zh=_cut(zh), en=_cut(en))


def _cut(text: str) -> str:
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


RULES: dict[Rule, Label] = {
    "skill": _label("没有所需技能", "do not have the skill"),
    "level": _label("技能等级不够", "do not have the skill's level"),
    "expired_qualification": _label("资格到期", "have a qualification that ends before"),
    "availability": _label("那时没有空", "are not available then"),
    "overlap": _label("那时另有服务或在路上", "are elsewhere or on the way then"),
    "reach": _label("离家太远", "live farther away than they go"),
    "service_reach": _label("超出服务范围", "live farther away than the service allows"),
    "zone": _label("所在队伍不服务该片区", "are in a team that does not serve here"),
    "daily_limit": _label("当天次数已满", "have had their visits of the day"),
    "weekly_limit": _label("本周次数已满", "have had their visits of the week"),
    "offers_limit": _label("本周已多次被询问", "have been asked often enough this week"),
    "blocked": _label("被排除", "must not be asked"),
    "declined_before": _label("已谢绝过", "have declined before"),
    "withdrew_before": _label("已退出过", "have left it before"),
    "kept_back": _label(
        "本周可再询问的次数不多，留作他用", "have few questions of the week left, kept for other visits"
    ),
    "quiet_hours": _label("免打扰时段内来不及询问", "could not be asked in waking hours"),
    "one_team": _label("不在同一队伍", "are not in one team"),
    "window": _label("没有可行的开始时间", "have no possible start"),
    "capacity": _label("携带不下", "cannot carry it"),
    "outcompeted": _label("别处更需要", "are needed more elsewhere"),
}
"""What a rule says of the people whom it removes."""

TERMS: dict[TermName, Label] = {
    "left_out": _label("未服务", "left out"),
    "told_otherwise": _label("改变已告知的安排", "told otherwise"),
    "lateness_total": _label("迟到总秒数", "seconds late in all"),
    "lateness_max": _label("最长迟到秒数", "seconds late at most"),
    "continuity": _label("不是熟悉的人", "without a familiar face"),
    "preference": _label("不便程度", "reluctance"),
    "fairness": _label("负担不均", "uneven load"),
    "travel_time": _label("路上秒数", "seconds on the way"),
    "travel_distance": _label("路程（米）", "metres on the way"),
    "scarcity": _label("占用稀缺技能", "rare skills used"),
}
"""The costs by name."""

CHANGES: dict[ChangeKind, Label] = {
    "added": _label("新增服务", "served now"),
    "dropped": _label("不再服务", "not served any more"),
    "moved": _label("改时间", "at another time"),
    "reteamed": _label("换队伍", "by another team"),
    "recrewed": _label("换人", "by other people"),
}


def relaxed(one: Relaxation) -> Label:
    """Say what would have to change for a visit to be served."""
    n, skill = one.amount, one.skill
    match one.kind:
        case "window":
            return _label(f"时间窗前后各放宽 {n} 分钟", f"a window wider by {n} min on either side")
        case "reach":
            return _label(f"志愿者多走 {n} 米", f"volunteers who go {n} m farther")
        case "service_reach":
            return _label(f"服务范围扩大 {n} 米", f"a service reach wider by {n} m")
        case "level":
            return _label(f"{skill} 等级降低 {n} 级", f"{skill} at a level lower by {n}")
        case "volunteer":
            return _label(f"增加 {n} 名会 {skill} 的志愿者", f"{n} more volunteer who has {skill}")
        case "team":
            return _label("允许跨队组合", "a crew from several teams")
        case "limit":
            return _label(f"每人上限多 {n} 次", f"limits higher by {n} visit{'s' * (n > 1)}")
        case "none":
            return _label("没有单项改变能够解决", "no single change that was tried")


def left_out(why: WhyLeftOut) -> tuple[Label, ...]:
    """Say why a visit is left out: rule by rule, what would let it in, and what it would cost others."""
    said: list[Label] = []
    for demand in why.demands:
        said.append(
            _label(
                f"{demand.skill} {demand.level} 级需 {demand.heads} 人：{why.candidates} 人中 {demand.passing} 人符合",
                f"{demand.skill} at level {demand.level}, {demand.heads} wanted: {demand.passing} of {why.candidates} people pass",
            )
        )
        for count in demand.removed:
            rule = RULES[count.rule]
            said.append(_label(f"{count.removed} 人{rule.zh}", f"{count.removed} {rule.en}"))
    if why.fits:
        said.append(_label("可以服务，无需任何改变", "it can be served as things are"))
    for one in why.relaxations:
        text = relaxed(one)
        said.append(_label(f"这样即可服务：{text.zh}", f"it could be served with {text.en}"))
    if why.price is not None:
        said.extend(_price(why))
    elif not why.relaxations and not why.fits:
        text = relaxed(Relaxation(kind="none"))
        said.append(_label(text.zh, f"{text.en} would let it be served"))
    return tuple(said)


def _price(why: WhyLeftOut) -> Iterable[Label]:
    assert why.price is not None
    others = [one for one in why.price.difference.changes if one.visit != why.visit]
    yield _label(
        f"若要服务它，其他 {len(others)} 项会改变",
        f"serving it would change {len(others)} other visit{'s' * (len(others) != 1)}",
    )
    yield from _changes(why.price.difference.changes, but=why.visit)
    yield from terms(why.price.difference.terms)


def assigned(why: WhyAssigned) -> tuple[Label, ...]:
    """Say why a visit has its team and crew, and what the second best would cost more."""
    crew = _names([seat.volunteer for seat in why.assignment.crew])
    team = why.assignment.team
    said = [_label(f"由 {team or '各队'} 的 {crew.zh} 服务", f"served by {crew.en}" + (f" of {team}" if team else ""))]
    if why.standing:
        said.append(_label(f"其中 {why.standing} 人早已确定", f"{why.standing} of them were settled before"))
    for demand in why.demands:
        said.append(
            _label(
                f"{demand.skill} {demand.level} 级：{demand.passing} 人符合",
                f"{demand.skill} at level {demand.level}: {demand.passing} people pass every rule",
            )
        )
    said.extend(
        _runner_up(
            why.crew, "同队次选", "the same team's next best", "同队没有其他人选", "no other crew of the team can"
        )
    )
    if team is not None and why.standing == 0:
        said.extend(_runner_up(why.team, "他队次选", "the next best team", "没有其他队伍可去", "no other team can"))
    return tuple(said)


def _runner_up(found: RunnerUp | None, zh: str, en: str, none_zh: str, none_en: str) -> Iterable[Label]:
    if found is None:
        yield _label(none_zh, none_en)
        return
    crew = _names([seat.volunteer for seat in found.instead.crew])
    team = f" ({found.instead.team})" if found.instead.team else ""
    changed = [change for change in found.terms if change.weighted]
    same = "" if changed else "，费用相同"
    yield _label(f"{zh}：{crew.zh}{team}{same}", f"{en}: {crew.en}{team}" + ("" if changed else ", for the same cost"))
    yield from terms(changed)


def difference(found: Difference) -> tuple[Label, ...]:
    """Say what changed between two plans, whom it touches, and what each term gained."""
    if not found.changes:
        return (_label("两个方案相同", "the plans are the same"),)
    told = sum(one.told_otherwise > 0 for one in found.people)
    return (
        *_changes(found.changes),
        _label(
            f"涉及 {len(found.people)} 人，其中 {told} 人须改变已告知的安排",
            f"people whom it touches: {len(found.people)}; who had been told something else: {told}",
        ),
        *terms(found.terms),
    )


def _changes(changes: Iterable[VisitChange], *, but: str = "") -> Iterable[Label]:
    by_kind: dict[ChangeKind, list[str]] = {}
    for change in changes:
        if change.visit != but:
            by_kind.setdefault(change.kind, []).append(change.visit)
    for kind, visits in by_kind.items():
        names, text = _names(visits), CHANGES[kind]
        yield _label(f"{text.zh}：{names.zh}", f"{text.en}: {names.en}")


def terms(changes: Iterable[TermChange]) -> Iterable[Label]:
    """Say of each term that counts by how much it changes."""
    for change in changes:
        if change.weighted:
            name, by = TERMS[change.name], change.after - change.before
            yield _label(f"{name.zh} {by:+,}", f"{name.en} {by:+,}")


def _names(names: Sequence[str]) -> Label:
    more = len(names) - NAMED
    zh, en = "、".join(names[:NAMED]), ", ".join(names[:NAMED])
    return _label(zh + (f" 等 {len(names)} 个" if more > 0 else ""), en + (f" and {more} more" if more > 0 else ""))
