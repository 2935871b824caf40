"""The charts of the notebook for operators: tables of operations.py in, a matplotlib figure out."""

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

_COLOURS = {"high": "#D55E00", "normal": "#0072B2", "low": "#A6A6A6"}  # Okabe and Ito's
_STAGES = {"fetch": "#0072B2", "decode": "#D55E00", "encode": "#CC79A7", "store": "#009E73"}
_BLUE, _GREY = "#0072B2", "#707070"
_WIDTH = 9.0  # inches


def backlog(waiting: pd.DataFrame, ages: pd.DataFrame) -> Figure:
    """Draw the photos that wait, and the age of the oldest, over time: a column for each priority."""
    figure, (above, below) = _figure(rows=2)
    above.stackplot(waiting.index, waiting.T, labels=waiting.columns, colors=_colours(waiting), alpha=0.8)
    for priority in ages:
        below.plot(ages.index, ages[priority], label=priority, color=_COLOURS[str(priority)], linewidth=2)
    _told(above, y="photos that wait")
    _told(below, x="seconds", y="age of the oldest (s)")
    return figure


def slots(busy: pd.Series, every: pd.Series) -> Figure:
    """Draw the slots in use and all slots over time."""
    figure, (axes,) = _figure(rows=1)
    axes.step(every.index, every, where="post", color=_GREY, linestyle="--", label="all")
    axes.fill_between(busy.index, busy, step="post", color=_BLUE, alpha=0.3)
    axes.step(busy.index, busy, where="post", color=_BLUE, label="in use")
    _told(axes, x="seconds", y="slots")
    return figure


def progress(rates: pd.DataFrame, bytes_in: pd.Series) -> Figure:
    """Draw photos per second by their outcome, and megabytes per second that are fetched, over time."""
    figure, (above, below) = _figure(rows=2)
    for outcome in rates:
        above.plot(rates.index, rates[outcome], label=outcome, linewidth=2)
    below.plot(bytes_in.index, bytes_in / 1e6, label="fetched", color=_BLUE, linewidth=2)
    _told(above, y="photos per second")
    _told(below, x="seconds", y="MB per second")
    return figure


def latency(photos: pd.DataFrame, stages: pd.DataFrame) -> Figure:
    """Draw bars of seconds: a row for each priority or stage, a column for each quantile. The axes are logarithmic."""
    figure, (above, below) = _figure(rows=2, share_x=False)
    for axes, table, colours in ((above, photos, _COLOURS), (below, stages, _STAGES)):
        for place, (name, seconds) in enumerate(table.iterrows()):
            low, high = seconds.min(), seconds.max()
            axes.plot([low, high], [place, place], color=colours[str(name)], linewidth=8, solid_capstyle="round")
            axes.annotate(f"{low:.2g} to {high:.2g} s", (high, place), xytext=(12, -4), textcoords="offset points")
        axes.set_yticks(range(len(table)), [str(name) for name in table.index])
        axes.set_ylim(-0.6, len(table) - 0.4)
        axes.set_xscale("log")
        axes.margins(x=0.25)
    above.set_title("a photo, from notification to database", loc="left", fontsize=10)
    below.set_title("the stages of an attempt", loc="left", fontsize=10)
    below.set_xlabel("seconds, from the median to the 95th percentile")
    return figure


def _figure(*, rows: int, share_x: bool = True) -> tuple[Figure, list[Axes]]:
    figure = Figure(figsize=(_WIDTH, 2.4 * rows), layout="constrained")
    return figure, list(figure.subplots(rows, 1, sharex=share_x, squeeze=False)[:, 0])


def _told(axes: Axes, *, y: str, x: str = "") -> None:
    axes.set_xlabel(x)
    axes.set_ylabel(y)
    axes.set_ylim(0, 1.2 * max(axes.get_ylim()[1], 0.01))
    axes.legend(loc="upper right", frameon=False, ncols=3)  # in the free space above


def _colours(table: pd.DataFrame) -> list[str]:
    return [_COLOURS[str(column)] for column in table]
