"""A meter that reads what it is told to."""

from domain.ports.energy_meter import EnergyMeter


class FakeEnergyMeter(EnergyMeter):
    """`joules`: what is read once it has begun; `is_measuring`: whether it has, and not ended."""

    def __init__(self, joules: float | None = 500.0) -> None:
        self.joules = joules
        self.is_measuring = False

    def begin(self) -> None:
        self.is_measuring = True

    def end(self) -> float | None:
        measured, self.is_measuring = self.is_measuring, False
        return self.joules if measured else None
