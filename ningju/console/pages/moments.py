"""Times as a person would say them, in the site's time zone."""

from datetime import date, datetime, timedelta
from zoneinfo import ZoneInfo

from ningju.console.pages.words import Language
from schemas.place import TimeWindow

WEEKDAYS = {
    "zh": ("周一", "周二", "周三", "周四", "周五", "周六", "周日"),
    "en": ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun"),
}
MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
NEAR = {"zh": {-1: "昨天", 0: "今天", 1: "明天", 2: "后天"}, "en": {-1: "Yesterday", 0: "Today", 1: "Tomorrow"}}
PARTS = ((0, "凌晨"), (6, "上午"), (12, "中午"), (13, "下午"), (18, "晚上"))


class Moments:
    """Says times from one moment's point of view.

    Parameters
    ----------
    zone
        The site's time zone.
    """

    def __init__(self, language: Language, now: datetime, zone: ZoneInfo) -> None:
        self.language = language
        self.now = now
        self.zone = zone
        self.today = now.astimezone(zone).date()

    def local(self, moment: datetime) -> datetime:
        """The moment by the site's clock."""
        return moment.astimezone(self.zone)

    def day(self, day: date) -> str:
        """``今天``, ``Tomorrow``, ``Wed 4 Mar``, ``2027年3月4日``."""
        near = NEAR[self.language].get((day - self.today).days)
        if near is not None:
            return near
        weekday = WEEKDAYS[self.language][day.weekday()]
        if self.language == "zh":
            year = f"{day.year}年" if day.year != self.today.year else ""
            return f"{year}{day.month}月{day.day}日（{weekday}）"
        year = f" {day.year}" if day.year != self.today.year else ""
        return f"{weekday} {day.day} {MONTHS[day.month - 1]}{year}"

    def at(self, moment: datetime) -> str:
        """``今天下午2点``, ``Today 14:00``."""
        here = self.local(moment)
        if self.language == "zh":
            return self.day(here.date()) + _part(here) + _clock(here)
        return f"{self.day(here.date())} {here:%H:%M}"

    def window(self, window: TimeWindow) -> str:
        """``今天下午2–4点``, ``Today 14:00–16:00``."""
        return self.span(window.start, window.end)

    def span(self, start: datetime, end: datetime) -> str:
        """From one moment to another, without saying a thing twice."""
        first, last = self.local(start), self.local(end)
        midnight = last.date() == first.date() + timedelta(days=1) and last.hour == last.minute == 0
        same_day = first.date() == last.date() or midnight
        if not same_day:
            return f"{self.at(start)}–{self.at(end)}"
        if self.language == "en":
            return f"{self.at(start)}–{'24:00' if midnight else f'{last:%H:%M}'}"
        if midnight:
            return f"{self.at(start)}–24点"
        if _part(first) != _part(last):
            return f"{self.at(start)}–{_part(last)}{_clock(last)}"
        whole = first.minute == last.minute == 0
        begin = str(_hour(first)) if whole else _clock(first)
        return f"{self.day(first.date())}{_part(first)}{begin}–{_clock(last)}"

    def since(self, moment: datetime) -> str:
        """How long ago, or how long until: ``12 分钟前``, ``in 3 h``."""
        seconds = (self.now - moment).total_seconds()
        if 0 <= seconds < 60:
            return "刚刚" if self.language == "zh" else "just now"
        length = self.length(abs(seconds))
        if self.language == "zh":
            return f"{length}前" if seconds >= 0 else f"还有{length}"
        return f"{length} ago" if seconds >= 0 else f"in {length}"

    def length(self, seconds: float) -> str:
        """A duration: minutes under two hours, hours under two days, then days."""
        for size, limit, zh, en in (
            (60, 7_200, "分钟", "min"),
            (3_600, 172_800, "小时", "h"),
            (86_400, 9e15, "天", "days"),
        ):
            if seconds < limit:
                count = int(seconds // size)
                return f"{count} {zh if self.language == 'zh' else en}"
        raise AssertionError("unreachable")


def _part(moment: datetime) -> str:
    return next(word for hour, word in reversed(PARTS) if moment.hour >= hour)


def _hour(moment: datetime) -> int:
    return moment.hour - 12 if moment.hour > 12 else moment.hour


def _clock(moment: datetime) -> str:
    return f"{_hour(moment)}点" if moment.minute == 0 else f"{_hour(moment)}:{moment.minute:02d}"
