"""What can go wrong in a solver. A visit that cannot be served is no error: it is part of the answer."""


class SolverError(Exception):
    """Base of this package's errors."""


class InvalidProblem(SolverError):
    """The problem contradicts itself.

    Attributes
    ----------
    where
        Path of the offending item, such as ``volunteers[3].team``.
    """

    def __init__(self, where: str, what: str) -> None:
        super().__init__(f"{where}: {what}")
        self.where = where
