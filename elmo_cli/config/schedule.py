"""How the learning rate moves over a run."""

from dataclasses import dataclass

from elmo_cli.config.checks import require

SCHEDULES = ("constant", "linear", "cosine", "inverse_sqrt", "step", "plateau")
"""Names of all schedules."""

OVER_THE_RUN = ("linear", "cosine")
"""Those that have to know where they end."""


@dataclass(frozen=True, kw_only=True)
class ScheduleConfig:
    """How the learning rate moves once ``train.warmup_steps`` are over."""

    name: str = "constant"
    """``constant``, ``linear`` or ``cosine`` to the end of the run, ``inverse_sqrt``, ``step`` (down every so often) or
    ``plateau`` (down when held-out perplexity stays)."""
    end: int | None = None
    """Step at which ``linear`` and ``cosine`` reach their last rate, which then stays. None: the last of the run, which
    has to be long by epochs, steps or words."""
    final_share: float = 0.0
    """Share of the learning rate below which no schedule goes; where ``linear`` and ``cosine`` end."""
    decay_every: int | None = None
    """Steps after which ``step`` lowers the rate, counted from the end of the warm-up."""
    factor: float = 0.5
    """What ``step`` and ``plateau`` multiply the rate by."""
    plateau_patience: int = 1
    """Held-out perplexities in a row without a new best after which ``plateau`` lowers the rate."""

    def __post_init__(self) -> None:
        require(
            "train.schedule",
            (self.name in SCHEDULES, f"name must be one of {', '.join(SCHEDULES)}: {self.name!r}"),
            (self.end is None or self.end >= 1, f"end must be at least 1, not {self.end}"),
            (0 <= self.final_share <= 1, f"final_share must be from 0 to 1, not {self.final_share}"),
            (
                self.decay_every is None or self.decay_every >= 1,
                f"decay_every must be at least 1, not {self.decay_every}",
            ),
            (self.name != "step" or self.decay_every is not None, "decay_every must say how many steps a step lasts"),
            (0 < self.factor < 1, f"factor must be above 0 and below 1, not {self.factor}"),
            (self.plateau_patience >= 1, f"plateau_patience must be at least 1, not {self.plateau_patience}"),
        )

    @property
    def needs_length(self) -> bool:
        """Whether rates depend on how long the run is."""
        return self.name in OVER_THE_RUN and self.end is None
