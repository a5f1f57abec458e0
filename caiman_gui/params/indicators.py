"""How long a transient of each calcium indicator lasts, and who measured it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Indicator:
    """One calcium indicator.

    Attributes
    ----------
    name : str
        As experimenters write it.
    decay_time_s : float
        Length of a typical transient of a few spikes in vivo. The papers give half-decay times
        after one spike or a train, in other preparations: these are rounded, and a starting point.
    paper : str
        First author, year and DOI.
    """

    name: str
    decay_time_s: float
    paper: str


_CHEN = "Chen 2013, doi:10.1038/nature12354"
_DANA_RED = "Dana 2016, doi:10.7554/eLife.12727"
_DANA = "Dana 2019, doi:10.1038/s41592-019-0435-6"
_ZHANG = "Zhang 2023, doi:10.1038/s41586-023-05828-9"
_INOUE = "Inoue 2019, doi:10.1016/j.cell.2019.04.007"
_STOSIEK = "Stosiek 2003, doi:10.1073/pnas.1232232100"
_LOCK = "Lock 2015, doi:10.1016/j.ceca.2015.10.003"

INDICATORS: dict[str, Indicator] = {
    item.name: item
    for item in (
        Indicator("GCaMP6f", 0.4, _CHEN),
        Indicator("GCaMP6m", 0.8, _CHEN),
        Indicator("GCaMP6s", 1.2, _CHEN),
        Indicator("jGCaMP7f", 0.5, _DANA),
        Indicator("jGCaMP7s", 1.4, _DANA),
        Indicator("jGCaMP8f", 0.15, _ZHANG),
        Indicator("jGCaMP8m", 0.2, _ZHANG),
        Indicator("jGCaMP8s", 0.4, _ZHANG),
        Indicator("jRGECO1a", 0.5, _DANA_RED),
        Indicator("jRCaMP1a", 1.0, _DANA_RED),
        Indicator("XCaMP-Gf", 0.3, _INOUE),
        Indicator("OGB-1", 0.6, _STOSIEK),
        Indicator("Cal-520", 0.5, _LOCK),
    )
}


def indicator_named(text: str) -> Indicator | None:
    """Find the indicator that a file speaks of, such as ``AAV1.Syn.jGCaMP8m.WPRE``.

    Letters' case, hyphens, spaces and a missing leading ``j`` do not matter; where several fit,
    the longest name counts. None if nothing fits.
    """
    wanted = _plain(text)
    fitting = [
        item
        for item in INDICATORS.values()
        if _plain(item.name) in wanted or _plain(item.name).removeprefix("j") in wanted
    ]
    return max(fitting, key=lambda item: len(item.name), default=None)


def _plain(text: str) -> str:
    return "".join(letter for letter in text.lower() if letter.isalnum())
