"""What queues can feed, measured small; and what photos cost."""

from pathlib import Path

import pytest

from raythumbs.bench.plans import PRICES, ScalePlan
from raythumbs.bench.queue_at_work import Load
from raythumbs.bench.scale.prices import Machine, machines
from raythumbs.bench.scale.run import run
from raythumbs.errors import BadSettings


@pytest.mark.needs("time")
def test_slots_are_kept_busy_by_one_queue_and_by_two_and_nothing_is_left(tmp_path: Path, postgresql: str):
    plan = ScalePlan(slots=[20], shards=[1, 2], seconds=1, database=postgresql, folder=tmp_path)

    report = run(plan, say=print)

    rows, prices = report.figures["rows"], report.figures["prices"]
    assert [(row.database, row.shards, row.slots) for row in rows] == [
        ("sqlite", 1, 20),
        ("postgresql", 1, 20),
        ("postgresql", 2, 20),
    ]
    for row in rows:
        assert 20 < row.busy_percent < 150  # of one second, on a machine that others use
        assert min(row.commits_per_second, row.actor_cpu_percent, row.actor_cpu_ms_per_job) > 0
    assert [price.machine for price in prices] == [machine.name for machine in machines()]
    assert [table.row_count for table in report.tables] == [len(rows), len(prices)]
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("slots", [1, 8, 10, 100, 1000])
def test_the_nodes_that_are_simulated_have_as_many_slots_as_are_asked_for(slots: int):
    nodes = Load(slots=slots, seconds=1).nodes

    assert sum(node.cpus for node in nodes.values()) == slots
    assert max(node.cpus for node in nodes.values()) <= 8


def test_a_machine_that_costs_36_cents_an_hour_and_makes_100_photos_a_second_makes_a_million_for_a_dollar():
    machine = Machine(name="one", slots=8, dollars_per_hour=0.36)

    assert machine.dollars_per_million(seconds_per_photo=0.08) == pytest.approx(1.0)


def test_another_table_takes_the_place_of_ours(tmp_path: Path):
    table = tmp_path / "prices.toml"
    table.write_text('[[machine]]\nname = "mine"\nslots = 4\ndollars_per_hour = 0.1\n')

    assert machines(table) == (Machine(name="mine", slots=4, dollars_per_hour=0.1),)


@pytest.mark.parametrize("text", ["", "machine = 3", '[[machine]]\nname = "a"\nslots = 0\ndollars_per_hour = 1', "["])
def test_a_table_that_is_none_is_refused(tmp_path: Path, text: str):
    table = tmp_path / "prices.toml"
    table.write_text(text)

    with pytest.raises(BadSettings, match=str(PRICES)):
        machines(table)
    with pytest.raises(BadSettings, match="not-there"):
        machines(tmp_path / "not-there.toml")
