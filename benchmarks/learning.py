"""Does it learn? The protocol that bilm-tf was measured with: WikiText-2 valid, 1,000 steps, perplexity on test.

    python -m benchmarks.learning --seeds 1 2 3 --out benchmarks/results/learning.json

Per recipe and seed: sampled training perplexity (mean of the last hundred steps), the worst single step of the first
ten, words per second, and test perplexity under both context policies from each start state. The configuration is the
preset ``compact``: LSTM 256 projected to 64, 32 rows, window 20, 1,024 negatives.
"""

import argparse
import json
import math
import tempfile
from pathlib import Path
from typing import Any

from elmo_cli.config import parse_assignments
from elmo_cli.flows.evaluation.evaluate import evaluate
from elmo_cli.flows.evaluation_results import EvaluateResult
from elmo_cli.flows.pretraining.pretrain import pretrain
from elmo_cli.flows.reports import Reports
from elmo_cli.flows.run_results import PretrainResult
from elmo_cli.train.metrics import read_metrics

TEXT = Path(__file__).parents[2] / "shared" / "data" / "wikitext-2"
STARTS = ("model", "zero", "warm")


def measure(recipe: str, seed: int, steps: int, assignments: list[str], threads: int | None) -> dict[str, Any]:
    """One run and its evaluations, as figures."""
    settings = parse_assignments(
        [
            "text.tokenizer=whitespace",
            f"train.seed={seed}",
            f"train.steps={steps}",
            f"train.evaluate_every={steps}",
            *assignments,
        ]
    )
    with tempfile.TemporaryDirectory() as folder:
        run_dir = Path(folder) / "run"
        trained = _last(
            pretrain(
                [str(TEXT / "valid.sentences.txt")],
                run_dir,
                preset=recipe,
                settings=settings,
                vocabulary_path=TEXT / "vocab.txt",
                validation=[str(TEXT / "test.sentences.txt")],
                threads=threads,
            )
        )
        assert isinstance(trained, PretrainResult)
        first = min(read_metrics(run_dir / "metrics.jsonl"), key=lambda record: record["step"])
        figures: dict[str, Any] = {
            "recipe": recipe,
            "settings": assignments,
            "seed": seed,
            "steps": steps,
            "train_perplexity_sampled": trained.train_perplexity_sampled,
            "worst_of_first_ten_steps": math.exp(min(first["loss_sampled_worst"], 700)),
            "words_per_second": trained.words_per_second,
        }
        for context in ("sentence", "stream"):
            for start in STARTS:
                flow = evaluate(
                    run_dir, [str(TEXT / "test.sentences.txt")], context=context, start=start, threads=threads
                )
                scored = _last(flow)
                assert isinstance(scored, EvaluateResult)
                figures[f"test_{context}_from_{start}"] = scored.perplexity
        return figures


def _last(flow: Reports) -> Any:
    *_, result = flow
    return result


def main() -> None:
    """Runs the protocol for every recipe and seed that is named."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else None)
    parser.add_argument("--recipes", nargs="+", default=["compact", "compact-bilm-tf"], help="presets to train")
    parser.add_argument("--seeds", nargs="+", type=int, default=[1, 2, 3])
    parser.add_argument("--steps", type=int, default=1000)
    parser.add_argument("--set", nargs="*", default=[], dest="assignments", help="settings laid over the preset")
    parser.add_argument("--threads", type=int, default=None)
    parser.add_argument("--out", type=Path, default=None, help="JSON file for the figures")
    arguments = parser.parse_args()
    rows = []
    for recipe in arguments.recipes:
        for seed in arguments.seeds:
            rows.append(measure(recipe, seed, arguments.steps, arguments.assignments, arguments.threads))
            print(json.dumps(rows[-1]), flush=True)
            if arguments.out is not None:
                arguments.out.write_text(json.dumps(rows, indent=2) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
