"""Everything the zoo knows: the models that ship, those whose weights can be fetched, and bare architectures."""

from __future__ import annotations

from pocketmatte.core import Size
from pocketmatte.spec import InputSpec, Licences, ModelSpec, OutputSpec, StateSpec, read_spec
from pocketmatte.zoo.cards import Card, list_cards
from pocketmatte.zoo.fetch import fetch_command, fetchable, fetched_folder
from pocketmatte.zoo.find import list_models


def list_all() -> list[ModelSpec]:
    """Specs of the shipped models, default first, then of every reference architecture; those without weights on this
    computer have no ``files``. Needs neither torch nor a runtime.
    """
    found = list_models()
    names = {spec.name for spec in found}
    for card in list_cards():
        if card.name not in names:
            folder = fetched_folder(card.name)
            found.append(read_spec(folder / "spec.json") if folder else bare_spec(card))
    return found


def bare_spec(card: Card) -> ModelSpec:
    """The description of an architecture that has no weights here; its summary says how to get some."""
    height, width, channels = card.input
    fetch = f"fetch its weights with `{fetch_command(card.name)}` or " if card.name in fetchable() else ""
    return ModelSpec(
        name=card.name,
        version="no weights",
        summary=f"{card.summary}; {fetch}train it with {card.config}",
        architecture=card.name,
        files=(),
        input=InputSpec("image", Size(height, width), mean=(0.5,) * 3, std=(0.5,) * 3),
        output=OutputSpec("alpha"),
        parameters=card.parameters,
        macs=card.macs,
        licences=Licences(code="Apache-2.0", weights="none here: those of the data you train on", permissive=False),
        states=(StateSpec("prior", "alpha", (1, height, width, 1)),) if channels == 4 else (),
    )
