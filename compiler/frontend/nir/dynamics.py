"""How a network in continuous time is run in steps: what a NIR file leaves open, and simulators differ in."""

from dataclasses import dataclass
from enum import StrEnum

from ....ir.errors import BadInput

RATES = "neurons=if steps="  # what an image says whose frames are shown for some steps
STEP = 1e-4  # seconds: what most files of others were written for
INTERVAL_MAX = 2**15 - 1  # steps: what the words of the firing order hold


def steps_of(text: str) -> int:
    """How many steps an image's frames are shown for, by what it says of its dynamics."""
    _, found, count = text.partition(RATES)
    return int(count) if found and count.isdecimal() else 1


class Dialect(StrEnum):
    """Whose steps are taken."""

    NIR = "nir"
    NORSE = "norse"
    SNNTORCH = "snntorch"
    SINABS = "sinabs"
    LAVA = "lava"


class Reset(StrEnum):
    """What a spike does to the voltage."""

    VALUE = "value"  # it begins at v_reset again
    SUBTRACT = "subtract"  # the threshold is taken off


NETX = "reset_interval", "reset_offset", "skip_layers"  # what is said of Lava's own files alone

SAYS = {
    Dialect.NIR: "forward Euler of NIR's equations, a current before the voltage that it drives",
    Dialect.NORSE: "forward Euler, as Norse takes its steps",
    Dialect.SNNTORCH: "forward Euler, a current before the voltage, as snnTorch takes its steps",
    Dialect.SINABS: "exponential decay, as many spikes at once as a voltage holds thresholds, as in sinabs",
    Dialect.LAVA: "forward Euler, what neurons receive one step late, as between the processes of Lava",
}


@dataclass(frozen=True, slots=True)
class Dynamics:
    """Seconds of a step, whose steps are taken, and what a spike does (None: as the dialect has it).

    Of Lava's own files: `reset_interval`, steps from one reset of all states to the next (0: there is none),
    the first one `reset_offset` steps late; `skip_layers`, blocks that are left out, whose events come in.
    """

    dt: float = STEP
    dialect: Dialect = Dialect.NIR
    reset: Reset | None = None
    reset_interval: int = 0
    reset_offset: int = 0
    skip_layers: int = 0

    def __post_init__(self) -> None:
        """Takes names for what they name. Raises BadInput where they name nothing, or dt is no time."""
        for name, known in (("dialect", Dialect), ("reset", Reset)):
            value = getattr(self, name)
            if value is None and name == "reset":
                continue
            if value not in tuple(known):
                raise BadInput(None, f"{value!r} is no {name}", hint=f"known are {', '.join(known)}")
            object.__setattr__(self, name, known(value))
        if not 0 < self.dt < float("inf"):
            raise BadInput(None, f"a step of {self.dt} seconds is none", hint=f"give --dt, such as {STEP}")
        most = max(self.reset_interval, 1)
        if not (0 <= self.reset_interval <= INTERVAL_MAX and 0 <= self.reset_offset < most):
            rule = f"a reset every {self.reset_interval} steps, {self.reset_offset} late, is none"
            raise BadInput(None, rule, hint=f"give an interval up to {INTERVAL_MAX}, and an offset below it")

    @property
    def subtracts(self) -> bool:
        """Whether a spike takes the threshold off."""
        if self.reset is None:
            return self.dialect is Dialect.SINABS
        return self.reset is Reset.SUBTRACT

    @property
    def counts(self) -> bool:
        """Whether a neuron may spike several times in a step."""
        return self.dialect is Dialect.SINABS

    @property
    def is_of_netx(self) -> bool:
        """Whether it says something of Lava's own files alone."""
        return any(getattr(self, name) for name in NETX)

    @property
    def is_late(self) -> bool:
        """Whether neurons see what is sent to them in the next step."""
        return self.dialect is Dialect.LAVA

    def __str__(self) -> str:
        """What an image says of it."""
        reset = Reset.SUBTRACT if self.subtracts else Reset.VALUE
        numbers = {name: getattr(self, name) for name in NETX}
        more = "".join(f" {name}={number}" for name, number in numbers.items() if number)
        return f"dt={self.dt!r} dialect={self.dialect} reset={reset}{more}"

    @classmethod
    def named(cls, dt: float, dialect: str, reset: str | None, **numbers: int) -> "Dynamics":
        """By the names that options have. Raises BadInput where they name nothing."""
        return cls(dt, dialect, reset, **numbers)  # type: ignore[arg-type]

    @staticmethod
    def says(text: str) -> bool:
        """Whether what an image says of it is what `str` gave: its network is one of spiking neurons."""
        return text.startswith("dt=")

    @classmethod
    def parsed(cls, text: str) -> "Dynamics":
        """What `str` gave. Raises BadInput for anything else."""
        parts = dict(part.partition("=")[::2] for part in text.split())
        try:
            numbers = {name: int(parts[name]) for name in NETX if name in parts}
            return cls(float(parts["dt"]), Dialect(parts["dialect"]), Reset(parts["reset"]), **numbers)
        except (KeyError, ValueError):
            raise BadInput(
                None, f"{text!r} says of no spiking network how it is run", hint="compile it again"
            ) from None
