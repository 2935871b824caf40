"""The charts of the notebook and of the manual: figures in, a matplotlib figure out.

    python notebooks/charts.py RESULT.json [MORE.json ...] --out notebooks/pictures

draws the manual's pictures from what `raythumbs bench throughput --json` printed.
"""

import argparse
import json
import math
from collections.abc import Iterator, Sequence
from io import BytesIO
from pathlib import Path
from typing import Any

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, LogLocator, MaxNLocator, NullFormatter
from PIL import Image

US = "raythumbs"
OLD_WAYS = ("sequential", "process pool")
_BLUE, _ORANGE, _GREEN, _GREY, _PALE, _INK = (
    "#0072B2",
    "#D55E00",
    "#009E73",
    "#707070",
    "#A6A6A6",
    "#333333",
)  # Okabe and Ito's
_DPI = 150
_COLOURS = 48  # of a picture, to keep it small
_WIDTH = 9.0  # inches
_BAR = 0.62
_MARKED = {0.5: "p50", 0.95: "p95"}
_FONT: dict[str, Any] = {"color": _INK, "fontsize": 10}


def old_and_new(rows: pd.DataFrame) -> Figure:
    """Draw seconds and photos per second of each contestant: columns contestant, seconds, photos_per_second."""
    figure = _figure(height=0.55 * len(rows) + 1.2)
    time, rate = figure.subplots(1, 2, sharey=True)
    _bars(time, rows.contestant, rows.seconds)
    _bars(rate, rows.contestant, rows.photos_per_second)
    time.invert_yaxis()  # of both, which is shared: the first on top
    _told(time, title="Shorter is better", x="seconds for all photos")
    _told(rate, title="Longer is better", x="photos per second")
    return figure


def speed_up(measured: pd.DataFrame) -> Figure:
    """Draw how many times faster than with one slot: columns slots (from 1), photos_per_second."""
    figure = _figure(height=4.2, width=6.5)
    axes = figure.subplots()
    ordered = measured.sort_values("slots")
    times = ordered.photos_per_second / ordered.photos_per_second.iloc[0]
    most = float(ordered.slots.max())
    axes.plot([1, most], [1, most], color=_GREY, linestyle="--", linewidth=1.5)
    axes.plot(ordered.slots, times, color=_BLUE, linewidth=2.5, marker="o", markersize=8)
    for slots, factor in zip(ordered.slots, times, strict=True):
        _note(axes, f"{factor:.2f}x", (slots, factor), offset=(8, -14), color=_BLUE)
    _note(axes, "ideal", (most, most), offset=(-8, 2), color=_GREY, ha="right")
    axes.set_xlim(0.8, most + 0.35)
    axes.set_ylim(0, max(most, float(times.max())) + 0.3)
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    _told(axes, x="slots (photos rendered at the same time)", y="times as fast as with one slot")
    return figure


def at_work(cpu: pd.DataFrame, done: pd.DataFrame) -> Figure:
    """Draw the machine at work: `cpu` has seconds and cpu_percent, `done` has seconds and photos (so many by then)."""
    figure = _figure(height=4.6)
    above, below = figure.subplots(2, 1, sharex=True)
    above.fill_between(cpu.seconds, cpu.cpu_percent, color=_BLUE, alpha=0.25, linewidth=0)
    above.plot(cpu.seconds, cpu.cpu_percent, color=_BLUE, linewidth=2)
    above.axhline(100, color=_GREY, linestyle="--", linewidth=1.5)
    above.set_ylim(0, 112)
    above.set_xlim(min(0.0, float(cpu.seconds.min())), float(cpu.seconds.max()))
    below.step(done.seconds, done.photos, where="post", color=_GREEN, linewidth=2)
    last = (float(done.seconds.iloc[-1]), float(done.photos.iloc[-1]))
    _note(below, f"all {last[1]:.0f} after {last[0]:.1f} s", last, offset=(6, -4), color=_GREEN, va="top")
    below.set_ylim(0, last[1] * 1.12)
    _told(above, y="CPU, % of all cores")
    _told(below, x="seconds since the first photo was accepted", y="photos done")
    figure.align_ylabels()
    return figure


def side_by_side(rows: pd.DataFrame, *, limit: float) -> Figure:
    """Draw photos per second of everybody, a panel for each store latency, and the machine's limit as a line.

    Columns: contestant, store_latency_ms, photos_per_second (none for a contestant that failed).
    """
    means = rows.groupby("contestant").photos_per_second.mean()
    order = list(means.sort_values(na_position="first").index)
    latencies = sorted(rows.store_latency_ms.unique())
    figure = _figure(height=0.34 * len(order) + 1.5, width=_WIDTH if len(latencies) > 1 else 7.5)
    most = max(limit, float(rows.photos_per_second.max()))
    panels = figure.subplots(1, len(latencies), sharex=True, sharey=True, squeeze=False)[0]
    for axes, latency in zip(panels, latencies, strict=True):
        rates = rows[rows.store_latency_ms == latency].set_index("contestant").photos_per_second.reindex(order)
        _rates(axes, rates, limit)
        axes.set_xlim(0, most * 1.45)
        _told(axes, title=_distance(latency), x="photos per second")
    return figure


def waiting(waits: pd.DataFrame) -> Figure:
    """Draw which share of the photos had waited at most so long: columns who, seconds; each `who` is a line."""
    figure = _figure(height=4.6)
    axes = figure.subplots()
    for share, name in _MARKED.items():
        axes.axhline(100 * share, color=_GREY, linestyle=":", linewidth=1.2)
        axes.text(1.005, 100 * share, name, transform=axes.get_yaxis_transform(), va="center", **_FONT)
    for colour, who in zip((_BLUE, _ORANGE, _GREEN), waits.who.unique(), strict=False):
        _distribution(axes, waits[waits.who == who].seconds, colour, str(who))
    axes.set_xscale("log")
    axes.set_ylim(0, 102)
    axes.legend(loc="lower left", bbox_to_anchor=(0, 1), frameon=False, fontsize=10, labelcolor="linecolor")
    _told(axes, x="seconds from the upload to the thumbnail's address", y="% of the photos")
    _plain_numbers(axes.xaxis)
    return figure


def growth(measured: pd.DataFrame) -> Figure:
    """Draw seconds against the number of photos, both by their logarithm: columns photos, seconds."""
    figure = _figure(height=4.2, width=6.5)
    axes = figure.subplots()
    ordered = measured.sort_values("photos")
    each = float((ordered.seconds / ordered.photos).iloc[-1])
    axes.plot(ordered.photos, ordered.photos * each, color=_GREY, linestyle="--", linewidth=1.5)
    axes.plot(ordered.photos, ordered.seconds, color=_BLUE, linewidth=2.5, marker="o", markersize=8)
    for photos, seconds in zip(ordered.photos, ordered.seconds, strict=True):
        _note(axes, f"{_short(seconds)} s", (photos, seconds), offset=(-8, 6), color=_BLUE, ha="right")
    straight = f"dashed: {1000 * each:.1f} ms a photo, however many"
    axes.text(0.98, 0.04, straight, transform=axes.transAxes, ha="right", color=_GREY, fontsize=10)
    axes.set_xscale("log")
    axes.set_yscale("log")
    axes.margins(x=0.16, y=0.16)
    axes.xaxis.set_major_locator(FixedLocator(list(ordered.photos)))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda photos, _: f"{photos:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
    _plain_numbers(axes.yaxis)
    _told(axes, x="photos", y="seconds for all of them")
    return figure


def make_pictures(results: Sequence[dict[str, Any]], out: Path) -> Iterator[Path]:
    """Draw the manual's pictures into a folder; yield each.

    The first result is drawn side by side. Growth is drawn if raythumbs took part with several numbers of photos.
    """
    out.mkdir(parents=True, exist_ok=True)
    rows = pd.DataFrame(results[0]["rows"])
    yield _saved(side_by_side(rows, limit=results[0]["limit_photos_per_second"]), out / "throughput.png")
    grown = _grown(pd.DataFrame([row for result in results for row in result["rows"]]))
    if len(grown) > 1:
        yield _saved(growth(grown), out / "growth.png")


def _grown(rows: pd.DataFrame) -> pd.DataFrame:
    """Return raythumbs' rows with the nearest store, one for each number of photos."""
    ours = rows[(rows.contestant == US) & rows.seconds.notna()]
    nearest = ours[ours.store_latency_ms == ours.store_latency_ms.min()]
    grown: pd.DataFrame = nearest.groupby("photos", as_index=False)[["seconds"]].median()
    return grown


def _figure(*, height: float, width: float = _WIDTH) -> Figure:
    return Figure(figsize=(width, height), dpi=_DPI, layout="constrained", facecolor="white")


def _bars(axes: Axes, names: pd.Series, values: pd.Series) -> None:
    bars = axes.barh(list(names), list(values), height=_BAR, color=[_colour(name) for name in names])
    axes.bar_label(bars, labels=[_short(value) for value in values], padding=4, **_FONT)
    axes.set_xlim(0, float(values.max()) * 1.18)


def _rates(axes: Axes, rates: pd.Series, limit: float) -> None:
    names = list(rates.index)
    bars = axes.barh(names, list(rates.fillna(0)), height=_BAR, color=[_colour(name) for name in names])
    labels = ["failed" if pd.isna(rate) else f"{_short(rate)} ({rate / limit:.0%})" for rate in rates]
    axes.axvline(limit, color=_ORANGE, linestyle="--", linewidth=1.5, zorder=0)
    texts = axes.bar_label(bars, labels=labels, padding=4, **_FONT)
    for name, text in zip(names, texts, strict=True):
        text.set_bbox({"facecolor": "white", "edgecolor": "none", "pad": 0.8})  # over the limit's line
        text.set_fontweight("bold" if name.startswith(US) else "normal")
    at_top = axes.get_xaxis_transform()
    axes.text(limit, 1.01, f"limit {_short(limit)}", transform=at_top, color=_ORANGE, fontsize=10, ha="center")


def _distribution(axes: Axes, seconds: pd.Series, colour: str, who: str) -> None:
    waited = seconds.sort_values()
    shares = [100 * (number + 1) / len(waited) for number in range(len(waited))]
    marks = {name: float(waited.quantile(share)) for share, name in _MARKED.items()}
    told = ", ".join(f"{name} {_short(at)} s" for name, at in marks.items())
    axes.step(waited, shares, where="post", color=colour, linewidth=2.5, label=f"{who}: {told}")
    axes.plot(
        list(marks.values()), [100 * share for share in _MARKED], color=colour, marker="o", markersize=7, linestyle=""
    )


def _told(axes: Axes, *, title: str = "", x: str = "", y: str = "") -> None:
    axes.set_title(title, loc="left", pad=22 if axes.lines else 8, **_FONT)
    axes.set_xlabel(x, **_FONT)
    axes.set_ylabel(y, **_FONT)
    axes.tick_params(colors=_INK, labelsize=10, length=3)
    axes.spines[["top", "right"]].set_visible(False)
    axes.spines[["left", "bottom"]].set_color(_PALE)


def _note(
    axes: Axes,
    text: str,
    at: tuple[float, float],
    *,
    offset: tuple[float, float],
    color: str,
    **how: Any,  # noqa: ANN401 matplotlib's options
) -> None:
    axes.annotate(text, at, offset, textcoords="offset points", color=color, fontsize=10, annotation_clip=False, **how)


def _plain_numbers(axis: Axis) -> None:
    """Label an axis of logarithms with 1, 2, 5, 10, 20, ..."""
    axis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    axis.set_major_formatter(FuncFormatter(lambda number, _: f"{number:g}"))
    axis.set_minor_formatter(NullFormatter())


def _colour(contestant: str) -> str:
    return _BLUE if contestant.startswith(US) else _PALE


def _distance(latency_ms: float) -> str:
    return f"store {latency_ms:g} ms away"


def _short(value: float) -> str:
    """Return it with three digits, as far as they tell something."""
    if value < 1:
        return f"{value:.2g}"
    return f"{value:.{max(0, 2 - math.floor(math.log10(value)))}f}"


def _saved(figure: Figure, file: Path) -> Path:
    drawn = BytesIO()
    figure.savefig(drawn)
    with Image.open(drawn) as picture:
        picture.convert("RGB").quantize(_COLOURS).save(file, optimize=True)
    return file


def main() -> None:
    """Draw the manual's pictures."""
    parser = argparse.ArgumentParser(description="Draw the manual's pictures.")
    parser.add_argument("results", nargs="+", type=Path, help="what `raythumbs bench throughput --json` printed")
    parser.add_argument("--out", type=Path, default=Path("notebooks/pictures"))
    asked = parser.parse_args()
    for picture in make_pictures([json.loads(file.read_text()) for file in asked.results], asked.out):
        print(picture)


if __name__ == "__main__":
    main()
