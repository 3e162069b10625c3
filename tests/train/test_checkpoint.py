"""The checkpoint folder: exact while it fits, smaller forms beyond, never half a state."""

import pytest
import torch
from torch import nn

from pocketmatte.core import PocketmatteError
from pocketmatte.train.checkpoint import MAX_SHARDS, SHARD_BYTES, read_checkpoint, write_checkpoint

pytestmark = pytest.mark.build


def make_state(width=64, steps=3):
    torch.manual_seed(0)
    network = nn.Sequential(nn.Linear(width, width), nn.BatchNorm1d(width))
    optimizer = torch.optim.AdamW(network.parameters(), 1e-2)
    for _ in range(steps):
        network(torch.randn(8, width)).square().mean().backward()
        optimizer.step()
        optimizer.zero_grad()
    model = {f"network.{name}": tensor for name, tensor in network.state_dict().items()}
    average = {name: tensor + 0.01 * torch.ones_like(tensor) for name, tensor in network.state_dict().items()}
    average["1.num_batches_tracked"] = torch.tensor(steps)
    return {"model": model, "average": average, "optimizer": optimizer.state_dict(), "state": {"seen": steps}}


def same(one, two, **tolerance):
    for part in ("model", "average"):
        for name, tensor in one[part].items():
            torch.testing.assert_close(two[part][name], tensor, **tolerance)
    for key, entry in one["optimizer"]["state"].items():
        for name, value in entry.items():
            torch.testing.assert_close(two["optimizer"]["state"][key][name], value, **tolerance)
    assert one["state"] == two["state"]


def test_nothing_is_lost_while_it_fits(tmp_path):
    state = make_state()
    assert write_checkpoint(tmp_path / "c", state) == 1
    same(state, read_checkpoint(tmp_path / "c"), rtol=0, atol=0)


def test_smaller_forms_keep_the_weights_exact_and_the_rest_close(tmp_path):
    state = make_state(256)
    sizes = {}
    for limit in (2.0, 0.9, 0.7):
        write_checkpoint(tmp_path / "c", state, limit)
        again = read_checkpoint(tmp_path / "c")
        sizes[limit] = sum(p.stat().st_size for p in (tmp_path / "c").iterdir())
        assert sizes[limit] <= limit * 2**20
        for name, tensor in state["model"].items():
            assert torch.equal(again["model"][name], tensor)
        same(state, again, rtol=8e-3, atol=1e-5)
    assert sizes[2.0] > sizes[0.9] > sizes[0.7]
    with pytest.raises(PocketmatteError, match=r"takes 1 MiB, allowed are 0 MiB; raise checkpoint_mb"):
        write_checkpoint(tmp_path / "d", state, 0.4)
    assert read_checkpoint(tmp_path / "d") is None


def test_eight_shards_hold_a_network_of_eight_million(tmp_path):
    state = make_state(2820)  # 8.0 million parameters
    shards = write_checkpoint(tmp_path / "c", state, 120)
    files = list((tmp_path / "c").iterdir())
    assert shards == len(files) <= MAX_SHARDS
    assert max(p.stat().st_size for p in files) <= SHARD_BYTES
    again = read_checkpoint(tmp_path / "c")
    assert torch.equal(again["model"]["network.0.weight"], state["model"]["network.0.weight"])


def test_damage_is_found(tmp_path):
    write_checkpoint(tmp_path / "c", make_state())
    shard = tmp_path / "c" / "shard-0.bin"
    data = bytearray(shard.read_bytes())
    data[-100] ^= 255
    shard.write_bytes(bytes(data))
    with pytest.raises(PocketmatteError, match="damaged"):
        read_checkpoint(tmp_path / "c")


def test_a_kill_while_writing_leaves_the_last_whole_state(tmp_path):
    first, second = make_state(steps=1), make_state(steps=2)
    write_checkpoint(tmp_path / "c", first)
    # killed between moving the old folder away and the new one in
    write_checkpoint(tmp_path / "x", second)
    (tmp_path / "c").rename(tmp_path / "c.old")
    (tmp_path / "x").rename(tmp_path / "c.new")
    assert read_checkpoint(tmp_path / "c")["state"] == {"seen": 2}
    # killed while the new one was being written
    (tmp_path / "c.new" / "shard-0.bin").write_bytes(b"{}")
    assert read_checkpoint(tmp_path / "c")["state"] == {"seen": 1}
    write_checkpoint(tmp_path / "c", second)
    assert read_checkpoint(tmp_path / "c")["state"] == {"seen": 2}
    assert sorted(p.name for p in tmp_path.iterdir()) == ["c"]


def test_no_folder_no_state(tmp_path):
    assert read_checkpoint(tmp_path / "c") is None
