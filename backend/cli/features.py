"""Commands about the feature store: list, extract beforehand, remove."""

from __future__ import annotations

from typing import Annotated

import typer
from rich.table import Column, Table

from backend.cli.frame import JsonFile, console, errors, stop, told, write
from backend.schemas import Modality
from backend.settings import Settings
from backend.terminal import Listener

app = typer.Typer(help="List what the feature store holds; extract features; remove them.")


@app.callback(invoke_without_command=True)
def features(context: typer.Context, json_file: JsonFile = None) -> None:
    """List what the feature store holds, its size and the runs that use it."""
    if context.invoked_subcommand is not None:
        return
    with told():
        from backend.services import Services

        entries = Services(Settings()).stored_features()
        names = ("encoder", "output", "items", "dim", "size", "used by")
        # keys are copied into the next command: they must be whole on any width
        table = Table(Column("key", min_width=32, no_wrap=True), *names, box=None)
        for entry in entries:
            table.add_row(
                entry.key,
                entry.encoder,
                entry.output,
                f"{entry.items:,}",
                str(entry.dimension),
                f"{entry.bytes / 1e6:.1f} MB",
                ", ".join(entry.runs) or "no run",
            )
        console.print(table)
        write(json_file, [entry.model_dump(mode="json") for entry in entries])


@app.command()
def remove(
    keys: Annotated[list[str], typer.Argument(help="Keys from the list.")],
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Do not ask.")] = False,
) -> None:
    """Remove stored features. Runs keep their heads, galleries and scores."""
    with told():
        from backend.services import Services

        services = Services(Settings())
        chosen = [entry for entry in services.stored_features() if entry.key in keys]
        items = sum(entry.items for entry in chosen)
        if not yes and chosen:
            question = f"Remove {items:,} features? They have to be encoded again when needed"
            typer.confirm(question, abort=True)
        freed = services.remove_features(keys)
        console.print(f"{freed / 1e6:.1f} MB freed.")


@app.command()
def extract(
    encoder: Annotated[str, typer.Argument(help="A name, a folder or a Hub id, with options.")],
    dataset: Annotated[str, typer.Option(help="A name, a folder or file, hf://...")] = "scenes",
    side: Annotated[str, typer.Option(help="image: the items; text: their captions")] = "image",
    json_file: JsonFile = None,
) -> None:
    """Encode a data set beforehand, so that runs find its features."""
    with told():
        from backend.catalog.datasets import load_dataset
        from backend.catalog.encoders import find_encoder
        from backend.features.extraction import extract_captions, extract_items
        from backend.features.loading import load_encoder
        from backend.features.store import FeatureStore
        from backend.runs.pairing import Captions
        from backend.services import Services

        if side not in ("image", "text"):
            stop(f"--side is {side!r}; allowed: image, text", 2)
        settings = Settings()
        Services(settings).may_change()
        store = FeatureStore(settings.features_dir)
        with Listener(errors) as listener:

            def report(done: int, total: int, unit: str) -> None:
                listener("Encode", done, total, unit)

            data = load_dataset(dataset, settings, report)
            modality: Modality = data.modality if side == "image" else "text"
            spec = find_encoder(encoder, modality, settings)
            captions = Captions.of(data.records)
            training = Captions.of(data.split("train")).texts
            loaded = load_encoder(
                spec, settings.device, training, report, settings.max_image_pixels
            )
            found = (
                extract_items(loaded, data.records, store, report)
                if side == "image"
                else extract_captions(loaded, captions.texts, store, report, captions.ids)
            )
        console.print(f"{len(found.ids):,} features of {found.vectors.shape[1]} numbers.")
        for fault in found.faults[:20]:
            console.print(f"  {fault}", markup=False)
        told_ = {"items": len(found.ids), "dimension": int(found.vectors.shape[1])}
        write(json_file, told_ | {"faults": [str(fault) for fault in found.faults]})
