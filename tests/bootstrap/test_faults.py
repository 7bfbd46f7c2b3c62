"""What ends a system is told as itself."""

from engine.ports import Unavailable
from ningju.bootstrap.system import sole


def test_one_fault_is_told_as_itself_however_deep_its_group_lies() -> None:
    fault = Unavailable("away")
    assert sole(ExceptionGroup("system", [ExceptionGroup("pipeline", [fault])])) is fault
    assert sole(fault) is fault


def test_several_faults_stay_together() -> None:
    both = ExceptionGroup("pipeline", [Unavailable("away"), ValueError("wrong")])
    assert sole(ExceptionGroup("system", [both])) is both
