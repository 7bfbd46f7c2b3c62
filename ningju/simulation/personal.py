"""Made-up personal data: names, phones, addresses. It exists so that a test can search for it where it must not be."""

import random

from schemas.person import Person

FAMILY = "王李张刘陈杨赵黄周吴徐孙胡朱高林何郭马罗梁宋郑谢韩唐冯于董萧程曹袁邓许傅沈曾彭吕"
GIVEN = "建国志强秀英桂兰玉梅淑珍文华明德永福美芳丽娟春生金凤宝根伟民国栋雪琴红霞长荣惠芬德顺"
ROADS = ("安和路", "同福路", "云台路", "百合路", "青松路", "望江路", "长乐弄", "静水路")


def person(identifier: str, rng: random.Random, *, note: str = "") -> Person:
    """Make up a person; no such phone number is in use (the block 1990000 is not handed out)."""
    name = rng.choice(FAMILY) + "".join(rng.choice(GIVEN) for _ in range(rng.choice((2, 2, 2, 3))))
    phone = f"1990000{rng.randrange(10_000):04d}"
    road, lane = rng.choice(ROADS), rng.randrange(1, 900)
    address = f"{road}{lane}弄{rng.randrange(1, 60)}号{rng.randrange(1, 7)}0{rng.randrange(1, 5)}室"
    return Person(id=identifier, name=name, phone=phone, address=address, note=note)
