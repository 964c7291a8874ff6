"""Commands about the pool: `gpus`, `gpus plan` and `tickets`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import click

from labwerk_hub.commands.installed import (
    installation,
    own_state_or,
    root,
    settings_file,
    settings_option,
)
from labwerk_hub.machine.places import Places

if TYPE_CHECKING:
    from labwerk_hub.settings import Settings

json_option = click.option("--json", "as_json", is_flag=True, help="One JSON object.")


@click.group(invoke_without_command=True)
@settings_option
@json_option
@click.pass_context
def gpus(context: click.Context, file: Path | None, as_json: bool) -> None:
    """Show every GPU with its units: what is free, in use, reserved or broken."""
    if context.invoked_subcommand is not None:
        return
    from labwerk_hub import bootstrap
    from labwerk_hub.commands.gpu_map import as_text
    from labwerk_hub.machine.helper_gpus import gpus_here
    from labwerk_hub.services.gpu_map import gpu_map

    settings, is_installed = _settings(file)
    workbench = replace(bootstrap.workbench(settings), inventory=gpus_here(settings))
    found = gpu_map(workbench, is_installed=is_installed)
    text = as_text(found, settings.machine.zone) if not as_json else ""
    click.echo(text or found.model_dump_json(indent=1))


@gpus.command()
@settings_option
@click.option("--gpu", "name", help="A GPU of the pool; all models of the pool if none is named.")
@click.option("--model", help="A model, whether the pool has one or not, such as H100-80GB.")
@click.option("--layout", help="What to plan, such as 3g.40gb@0,2g.20gb@4,1g.10gb@6.")
@click.option("--flavour", "flavours", multiple=True, help="Only layouts that serve it.")
@json_option
def plan(
    file: Path | None,
    name: str | None,
    model: str | None,
    layout: str | None,
    flavours: tuple[str, ...],
    as_json: bool,
) -> None:
    """Say what a layout would give; without --layout, every layout there is. Changes nothing."""
    from labwerk_hub import bootstrap
    from labwerk_hub.commands import layout_plan
    from labwerk_hub.machine.helper_gpus import gpus_here
    from labwerk_hub.settings import load_settings

    settings = load_settings(settings_file(file))
    plans = layout_plan.plans(
        bootstrap.catalogue(settings).flavours,
        gpus_here(settings),
        layout_plan.Asked(name, model, layout, flavours),
    )
    click.echo(layout_plan.as_json(plans) if as_json else layout_plan.as_text(plans))


@click.command()
@settings_option
@json_option
def tickets(file: Path | None, as_json: bool) -> None:
    """Show who waits, in the order in which they will be served."""
    from labwerk_hub import bootstrap
    from labwerk_hub.commands import waiting_list

    settings = installation(file, "tickets").settings
    found = waiting_list.read(bootstrap.workbench(settings))
    text = waiting_list.as_text(found, settings.machine.zone) if not as_json else ""
    click.echo(text or found.model_dump_json(indent=1))


def _settings(file: Path | None) -> tuple[Settings, bool]:
    """The settings as they run, else as the file has them; and whether there is a database."""
    from labwerk_hub import bootstrap
    from labwerk_hub.settings import load_settings

    places = Places(own_state_or(file))
    if places.state.exists():
        root("gpus")
        if places.run.exists():
            settings = installation(file, "gpus").settings
            return settings, bootstrap.has_database(settings)
    return load_settings(settings_file(file)), False
