"""What the simulated district offers: service types, and when and how often people ask for each."""

from dataclasses import dataclass

from schemas.base import Label
from schemas.catalogue import ServiceType, SkillDemand

MINUTE = 60
HOUR = 3_600
DAY = 86_400

MORNING_DUTY = (7 * 60, 9 * 60)
EVENING_DUTY = (18 * 60, 20 * 60)


@dataclass(frozen=True, slots=True)
class Asking:
    """How a service type is asked for.

    ``share`` weighs it among all requests. ``hours`` are the windows that people ask for, in minutes of the local
    day. ``lead_min`` is how long before its window a request comes at the latest. ``homes`` of the requests are at
    somebody's home, the rest at a site. ``repeats`` of them name the volunteer who came before.
    """

    service: ServiceType
    share: float
    hours: tuple[tuple[int, int], ...]
    lead_min: int
    homes: float
    repeats: float = 0.0
    elder_care: bool = False


def _demands(*wanted: tuple[str, int, int]) -> tuple[SkillDemand, ...]:
    return tuple(SkillDemand(skill=skill, level=level, heads=heads) for skill, level, heads in wanted)


def askings() -> tuple[Asking, ...]:
    """List every service type of the district with the way it is asked for."""
    half_days = ((9 * 60, 11 * 60 + 30), (13 * 60, 17 * 60))
    any_time = (*half_days, (9 * 60, 17 * 60))
    return (
        Asking(
            ServiceType(
                id="elder-visit",
                name=Label(zh="助老探访", en="Visit to an elder"),
                demands=_demands(("care", 1, 1)),
                duration_s=60 * MINUTE,
                priority=3,
                reach_m=3_000,
            ),
            share=0.155,
            hours=any_time,
            lead_min=150,
            homes=1.0,
            repeats=0.5,
            elder_care=True,
        ),
        Asking(
            ServiceType(
                id="meal-delivery",
                name=Label(zh="助餐送餐", en="Meal delivery"),
                demands=_demands(("meals", 1, 1)),
                duration_s=40 * MINUTE,
                priority=3,
                reach_m=2_500,
            ),
            share=0.09,
            hours=((10 * 60 + 30, 12 * 60), (16 * 60, 17 * 60 + 30)),
            lead_min=120,
            homes=1.0,
            repeats=0.3,
            elder_care=True,
        ),
        Asking(
            ServiceType(
                id="meal-round",
                name=Label(zh="社区助餐配送", en="Meal round"),
                demands=_demands(("meals", 1, 2), ("driving", 1, 1)),
                duration_s=90 * MINUTE,
                priority=3,
            ),
            share=0.03,
            hours=((10 * 60, 12 * 60), (15 * 60 + 30, 17 * 60 + 30)),
            lead_min=180,
            homes=0.0,
            elder_care=True,
        ),
        Asking(
            ServiceType(
                id="escort",
                name=Label(zh="陪同就医", en="Escort to hospital"),
                demands=_demands(("care", 2, 1), ("driving", 1, 1)),
                duration_s=150 * MINUTE,
                priority=4,
            ),
            share=0.07,
            hours=((8 * 60, 12 * 60), (13 * 60, 17 * 60)),
            lead_min=150,
            homes=1.0,
            repeats=0.2,
            elder_care=True,
        ),
        Asking(
            ServiceType(
                id="emergency-check",
                name=Label(zh="应急上门查看", en="Emergency check at home"),
                demands=_demands(("first-aid", 2, 1), ("care", 1, 1)),
                duration_s=45 * MINUTE,
                priority=5,
                response_target_s=15 * MINUTE,
                completion_target_s=6 * HOUR,
                quiet_hours=False,
            ),
            share=0.04,
            hours=(),
            lead_min=60,
            homes=1.0,
            elder_care=True,
        ),
        Asking(
            ServiceType(
                id="digital-help",
                name=Label(zh="智能设备辅导", en="Help with phones and forms"),
                demands=_demands(("digital", 1, 1)),
                duration_s=45 * MINUTE,
                priority=1,
            ),
            share=0.055,
            hours=any_time,
            lead_min=150,
            homes=0.4,
        ),
        Asking(
            ServiceType(
                id="station-duty",
                name=Label(zh="垃圾分类站点值守", en="Garbage station duty"),
                demands=_demands(("sorting", 1, 1)),
                duration_s=120 * MINUTE,
                priority=2,
                offered_to="leader",
            ),
            share=0.15,
            hours=(MORNING_DUTY, EVENING_DUTY),
            lead_min=180,
            homes=0.0,
        ),
        Asking(
            ServiceType(
                id="tidy-up",
                name=Label(zh="楼道整治", en="Tidying a stairwell together"),
                demands=_demands(("sorting", 1, 2), ("repair", 1, 1), ("mediation", 1, 1)),
                duration_s=120 * MINUTE,
                priority=1,
            ),
            share=0.03,
            hours=half_days,
            lead_min=240,
            homes=0.0,
        ),
        Asking(
            ServiceType(
                id="home-repair",
                name=Label(zh="便民维修", en="Small repairs"),
                demands=_demands(("repair", 2, 1)),
                duration_s=60 * MINUTE,
                priority=2,
            ),
            share=0.07,
            hours=half_days,
            lead_min=150,
            homes=1.0,
        ),
        Asking(
            ServiceType(
                id="committee-help",
                name=Label(zh="业委会协助", en="Help for a housing committee"),
                demands=_demands(("mediation", 2, 1), ("law", 1, 1)),
                duration_s=90 * MINUTE,
                priority=2,
            ),
            share=0.05,
            hours=((9 * 60, 11 * 60 + 30), (13 * 60, 17 * 60), (18 * 60 + 30, 20 * 60 + 30)),
            lead_min=240,
            homes=0.0,
        ),
        Asking(
            ServiceType(
                id="after-school",
                name=Label(zh="课后辅导", en="Mentoring after school"),
                demands=_demands(("mentoring", 1, 1)),
                duration_s=90 * MINUTE,
                priority=2,
            ),
            share=0.11,
            hours=((15 * 60 + 30, 17 * 60 + 30),),
            lead_min=150,
            homes=0.1,
            repeats=0.3,
        ),
        Asking(
            ServiceType(
                id="youth-outing",
                name=Label(zh="少年社会实践", en="Outing with young people"),
                demands=_demands(("mentoring", 2, 1), ("first-aid", 1, 1)),
                duration_s=120 * MINUTE,
                priority=2,
            ),
            share=0.035,
            hours=((13 * 60, 17 * 60),),
            lead_min=240,
            homes=0.0,
        ),
        Asking(
            ServiceType(
                id="youth-case",
                name=Label(zh="困境青少年帮扶", en="Support for a youth in need"),
                demands=_demands(("mentoring", 3, 1), ("law", 2, 1)),
                duration_s=90 * MINUTE,
                priority=4,
                served_at="district",
            ),
            share=0.02,
            hours=half_days,
            lead_min=240,
            homes=0.3,
        ),
        Asking(
            ServiceType(
                id="rights-advice",
                name=Label(zh="公益维权咨询", en="Advice on rights"),
                demands=_demands(("law", 3, 1)),
                duration_s=60 * MINUTE,
                priority=2,
                served_at="district",
            ),
            share=0.04,
            hours=half_days,
            lead_min=180,
            homes=0.1,
        ),
        Asking(
            ServiceType(
                id="talk",
                name=Label(zh="主题宣讲", en="Public talk"),
                demands=_demands(("speaking", 3, 1), ("digital", 1, 1)),
                duration_s=90 * MINUTE,
                priority=1,
                served_at="district",
            ),
            share=0.025,
            hours=((9 * 60, 11 * 60 + 30), (13 * 60 + 30, 16 * 60 + 30)),
            lead_min=240,
            homes=0.0,
        ),
        Asking(
            ServiceType(
                id="haircut-at-home",
                name=Label(zh="上门理发", en="Haircut at home"),
                demands=_demands(("haircut", 1, 1)),
                duration_s=45 * MINUTE,
                priority=1,
                featured_by="tianshan",
            ),
            share=0.02,
            hours=half_days,
            lead_min=180,
            homes=1.0,
            repeats=0.3,
        ),
        Asking(
            ServiceType(
                id="calligraphy",
                name=Label(zh="书法共学", en="Calligraphy together"),
                demands=_demands(("mentoring", 1, 1)),
                duration_s=90 * MINUTE,
                priority=1,
                featured_by="xinhua",
            ),
            share=0.01,
            hours=half_days,
            lead_min=240,
            homes=0.0,
        ),
    )
