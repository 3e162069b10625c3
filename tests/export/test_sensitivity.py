"""The search on the network that ships, with a loss that the test controls."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from pocketmatte.export.sensitivity import (
    Prober,
    groups_of,
    layer_sensitivity,
    matte_difference,
    mixed_precision,
    probing,
    sensitivity_table,
)

pytestmark = pytest.mark.build
ZOO = Path(__file__).parents[2] / "pocketmatte" / "zoo" / "weights" / "base"


@pytest.fixture(scope="module")
def prober() -> Iterator[Prober]:
    """base judged by the difference from its float file on the golden picture."""
    picture = np.load(ZOO / "golden.npz")["tensor"].astype(np.float32)
    given = [{"image": picture}]
    file = ZOO / "base.tflite"
    with probing(file, given, matte_difference(file, given)) as found:
        yield found


def test_groups_cover_the_layers_once(prober: Prober) -> None:
    groups = groups_of(prober.plain, depth=1)
    names = [name for group in groups for name in group.tensors]
    assert len(names) == len(set(names)) > 60
    assert [g.module for g in groups][:2] == ["encoder", "context"]


def test_float_layers_lower_the_loss(prober: Prober) -> None:
    rows = layer_sensitivity(prober, depth=1)
    assert rows == sorted(rows, key=lambda r: -r.gain)
    assert rows[0].gain > 0
    everything = prober.loss(tuple(n for g in groups_of(prober.plain, 1) for n in g.tensors))
    assert everything < 1e-5 < prober.loss()
    table = sensitivity_table(rows, prober.loss())
    assert all(row.group.module in table for row in rows)


def test_mixed_precision_keeps_as_few_as_the_bound_allows(prober: Prober) -> None:
    whole = prober.loss()
    assert mixed_precision(prober, 2 * whole, depth=1).keep_float == ()
    rows = layer_sensitivity(prober, depth=1)
    bound = rows[0].loss + 0.01 * rows[0].gain
    result = mixed_precision(prober, bound, depth=1)
    assert result.holds
    assert set(result.keep_float) == set(rows[0].group.tensors)
    assert result.steps[0] == ("", whole)
    assert result.loss == pytest.approx(rows[0].loss)


def test_a_bound_out_of_reach_is_reported(prober: Prober) -> None:
    result = mixed_precision(prober, -1.0, depth=1, most=2)
    assert not result.holds
    assert len(result.steps) == 3
