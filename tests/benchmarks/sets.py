"""Tiny instances of each set, small enough to solve by hand, and larger ones by seed."""

import json
import random
from pathlib import Path


def hhcrsp(folder: Path) -> Path:
    """Patient a wants s1; b wants s1 and s2 at once; c wants s1 and, 30 to 40 later, s2. Only c1 gives s1, only c2 gives s2."""
    single = {"id": "a", "time_window": [10, 20], "required_caregivers": [{"service": "s1", "duration": 5.0}]}
    double = {
        "id": "b",
        "time_window": [0, 12],
        "required_caregivers": [{"service": "s1"}, {"service": "s2", "duration": 7.0}],
        "synchronization": {"type": "simultaneous"},
    }
    apart = {
        "id": "c",
        "time_window": [100, 120],
        "required_caregivers": [{"service": "s1"}, {"service": "s2"}],
        "synchronization": {"type": "sequential", "distance": [30, 40]},
    }
    data = {
        "patients": [single, double, apart],
        "services": [{"id": "s1", "default_duration": 5.0}, {"id": "s2", "default_duration": 5.0}],
        "caregivers": [{"id": "c1", "abilities": ["s1"]}, {"id": "c2", "abilities": ["s2"]}],
        "central_offices": [{"id": "d", "location": [0, 0]}],
        # office, a, b, c
        "distances": [[0, 10, 20, 30], [10, 0, 15, 30], [20, 15, 0, 30.5], [30, 30, 30.5, 0]],
    }
    path = folder / "hhcrsp" / "tiny.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(data, indent=2))
    return path


HHCRSP_ROUTES = {
    "c1": [("a", "s1", 10.0, 15.0), ("b", "s1", 30.0, 35.0), ("c", "s1", 100.0, 105.0)],
    "c2": [("b", "s2", 30.0, 37.0), ("c", "s2", 130.0, 135.0)],
}
# c1 goes 10 + 15 + 30.5 + 30, c2 20 + 30.5 + 30: 166. Both services at b start 18 late, the second at c 10: 46, and 18 at most.
HHCRSP_COST = (166 + 46 + 18) / 3


def hhcrsp_solution(routes: dict | None = None, **top: object) -> str:
    """Write routes in the published form."""
    names = ("patient", "service", "arrival_time", "departure_time")
    written = [
        {"caregiver_id": who, "locations": [dict(zip(names, stop, strict=True)) for stop in stops]}
        for who, stops in (HHCRSP_ROUTES if routes is None else routes).items()
    ]
    return json.dumps({**top, "routes": written})


TECHNICIANS = """Technicians
Number of Technicians: 2
domains: 2
proficiency level: 2


ID\tdomain1\tdomain2
1\t2\t0
2\t1\t1
3\t2\t2
"""
TASKS = """


Capacity: 1
Customer: 3

CUST NO.  XCOORD.  YCOORD.  DEMAND  READY TIME  DUE DATE  SERVICE TIME cost d11 d12 d21 2d22
1 0 0 0 0 100 0 0 0 0 0 0
2 3 4 9 20 30 10 80 1 1 0 0
3 6 8 9 0 40 10 60 1 0 1 0
"""


def strsp(folder: Path) -> tuple[Path, Path]:
    """Task 2 needs domain 1 at level 2: technician 1. Task 3 needs both domains at level 1: technician 2. A third does not count."""
    tasks = folder / "strsp" / "tasks_noTeam" / "T1_2x2_noTeam.txt"
    technicians = folder / "strsp" / "techniciansReduced_noTeam" / "technicians_T1_2x2_noTeam.txt"
    for path, text in ((tasks, TASKS), (technicians, TECHNICIANS)):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    return tasks, technicians


PCVRPTW = """NAME : tiny
TYPE : PCVRPTW
DIMENSION : 3
VEHICLES : 1
CAPACITY : 10
SERVICE_TIME : 3
EDGE_WEIGHT_TYPE : EUC_2D
NODE_COORD_SECTION
1 0 0
2 1 1
3 10 0
DEMAND_SECTION
1 0
2 6
3 6
TIME_WINDOW_SECTION
1 0 50
2 5 20
3 0 30
PRIZE_SECTION
1 0
2 5
3 3
DEPOT_SECTION
1
-1
EOF
"""


def pcvrptw(folder: Path) -> Path:
    """One vehicle for one of two customers. The first is 1.4 away and wins 5, the second 10 away and wins 3."""
    path = folder / "pcvrptw" / "tiny.vrp"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(PCVRPTW)
    return path


def random_hhcrsp(folder: Path, seed: int) -> Path:
    """Six patients whose times and ways have three decimals, as the published ones."""
    rng = random.Random(seed)
    spots = [(rng.uniform(0, 50), rng.uniform(0, 50)) for _ in range(7)]
    patients = []
    for number, (x, y) in enumerate(spots[1:]):
        kind = rng.choice(("one", "simultaneous", "sequential"))
        services = rng.sample(("s1", "s2", "s3"), k=1 if kind == "one" else 2)
        patient = {
            "id": f"p{number}",
            "location": [x, y],
            "time_window": [(early := rng.randrange(100)), early + 60],
            "required_caregivers": [{"service": s, "duration": rng.randrange(5, 20)} for s in services],
        }
        if kind != "one":
            patient["synchronization"] = {"type": kind} | ({"distance": [5, 25]} if kind == "sequential" else {})
        patients.append(patient)
    data = {
        "patients": patients,
        "caregivers": [{"id": f"c{n}", "abilities": ["s1", "s2", "s3"][n % 2 : n % 2 + 2]} for n in range(4)],
        "distances": [[round(((a - c) ** 2 + (b - d) ** 2) ** 0.5, 3) for c, d in spots] for a, b in spots],
    }
    path = folder / f"random{seed}.json"
    path.write_text(json.dumps(data))
    return path


def random_strsp(folder: Path, seed: int) -> tuple[Path, Path]:
    """Twelve tasks for three technicians, two domains with two levels."""
    rng = random.Random(seed)
    rows = [(1, 25, 25, 0, 0, 150, 0, 0, 0, 0, 0, 0)]
    for number in range(2, 14):
        one, two = rng.randint(0, 2), rng.randint(0, 2)
        levels = (int(one >= 1), int(one >= 2), int(two >= 1), int(two >= 2))
        ready = rng.randrange(80)
        rows.append((number, rng.randrange(50), rng.randrange(50), 1, ready, ready + 40, 10, 0, *levels))
    tasks, technicians = folder / f"tasks{seed}.txt", folder / f"technicians{seed}.txt"
    head = "Customer: 13\nCUST NO. XCOORD. YCOORD. DEMAND READY TIME DUE DATE SERVICE TIME cost d11 d12 d21 d22\n"
    tasks.write_text(head + "\n".join(" ".join(map(str, row)) for row in rows))
    people = [f"{n} {rng.randint(1, 2)} {rng.randint(1, 2)}" for n in (1, 2, 3)]
    head = "Number of Technicians: 3\ndomains: 2\nproficiency level: 2\nID domain1 domain2\n"
    technicians.write_text(head + "\n".join(people))
    return tasks, technicians


def random_pcvrptw(folder: Path, seed: int) -> Path:
    """Twelve customers for three vehicles."""
    rng = random.Random(seed)
    sections = {
        "NODE_COORD": [f"{rng.randrange(50)} {rng.randrange(50)}" for _ in range(13)],
        "DEMAND": ["0", *(str(rng.randrange(1, 9)) for _ in range(12))],
        "TIME_WINDOW": ["0 300", *(f"{(a := rng.randrange(150))} {a + 60}" for _ in range(12))],
        "PRIZE": ["0", *(str(rng.randrange(10, 60)) for _ in range(12))],
    }
    text = "NAME : r\nDIMENSION : 13\nVEHICLES : 3\nCAPACITY : 20\nSERVICE_TIME : 5\nEDGE_WEIGHT_TYPE : EUC_2D\n"
    for name, rows in sections.items():
        text += f"{name}_SECTION\n" + "".join(f"{n} {row}\n" for n, row in enumerate(rows, start=1))
    path = folder / f"random{seed}.vrp"
    path.write_text(text + "DEPOT_SECTION\n1\n-1\nEOF\n")
    return path
