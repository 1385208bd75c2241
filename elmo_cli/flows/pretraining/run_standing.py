"""Where a run stands apart from its weights; travels in every checkpoint."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, fields
from typing import Any


@dataclass
class Standing:
    """What decides how a run goes on, beside what the trainer keeps."""

    best_step: int = 0
    best_loss: float = math.inf
    """Of the best evaluation, in nats."""
    evaluated_step: int = 0
    """Step of the latest evaluation."""
    since_best: int = 0
    """Evaluations since the best one."""
    rate_scale: float = 1.0
    """What the learning rate is multiplied by."""
    back_offs: list[dict[str, float]] = field(default_factory=list)
    """Each time the run backed off: ``step`` where the loss was no number, ``to_step``, and the ``rate_scale`` then."""
    seconds: float = 0.0
    """Running time over all calls: steps, evaluations and checkpoints. Work that a kill lost is not in it."""

    @classmethod
    def of(cls, meta: Mapping[str, Any]) -> "Standing":
        """What a checkpoint says."""
        known = {entry.name for entry in fields(cls)}
        # Before they were recorded, an evaluation that was due always came before the checkpoint.
        before = {"evaluated_step": meta["step"]}
        return cls(**before | {name: value for name, value in meta.items() if name in known})

    def to_meta(self) -> dict[str, Any]:
        """For a checkpoint."""
        return asdict(self)

    def add(self, step: int, loss: float) -> bool:
        """Takes in an evaluation and says whether it is the best so far."""
        self.evaluated_step = step
        better = loss < self.best_loss
        if better:
            self.best_step, self.best_loss = step, loss
        self.since_best = 0 if better else self.since_best + 1
        return better
