"""``elmo presets``: configurations with a name."""

from pathlib import Path
from typing import Annotated

import typer

from elmo_cli.cli import figures, options
from elmo_cli.cli.console import follow, show_json, show_result
from elmo_cli.cli.meanings import explain
from elmo_cli.cli.settings import gather
from elmo_cli.config import RunConfig, from_dict, to_toml
from elmo_cli.flows.run_results import PresetResult, PresetsResult

EXAMPLES = options.examples(
    "elmo presets",
    "elmo presets small",
    "elmo presets tiny --set train.optimizer.name=adamw",
)


def command(
    name: Annotated[
        str | None,
        typer.Argument(metavar="[NAME]", help="Print all settings of this one as TOML.", show_default=False),
    ] = None,
    config: Annotated[
        Path | None,
        typer.Option("--config", metavar="FILE", help="Settings as TOML, or a run, laid over the preset."),
    ] = None,
    assignments: Annotated[
        list[str] | None,
        typer.Option(
            "--set",
            metavar="KEY=VALUE",
            help="One setting laid over the preset, such as train.window=40 (repeatable).",
            show_default=False,
        ),
    ] = None,
    as_json: options.JsonOption = False,
    quiet: options.QuietOption = False,
    verbose: options.VerboseOption = False,
) -> None:
    """List the presets, or print every setting of one.

    What is printed, put into a file and edited, is what elmo pretrain takes with --config.
    """
    if name is None and (config is not None or assignments):
        raise typer.BadParameter("name the preset that the settings are laid over", param_hint="NAME")
    settings = gather(config, assignments or [], {})
    from elmo_cli.flows.pretraining.presets import presets

    result = follow(presets(name, settings), quiet=quiet, verbose=verbose)
    if isinstance(result, PresetsResult):
        rows = [
            (one.name, f"{figures.decimal(one.parameters / 1e6)} million parameters", one.description)
            for one in result.presets
        ]
        title = f"Presets; with the ending {result.ending}, bilm-tf's exact training recipe"
        show_result(result, title, rows, as_json=as_json)
        return
    assert isinstance(result, PresetResult)
    if as_json:
        show_json(result)
        return
    resolved = from_dict(RunConfig, result.config, where=result.name)
    print(to_toml(resolved, lambda setting: explain(f"config.{setting}")), end="", flush=True)
